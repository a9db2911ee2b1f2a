"""A collector without a network: called as ASGI servers call it, on the stream in memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
from uvicorn.server import ServerState

from ingest_api.app import Collector, create_app
from ingest_api.connections import protocol_of
from ingest_api.keys import AppEntry, KeyEntry, KeyRing, Snapshot
from ingest_api.leases import Ask
from ingest_api.options import CollectorOptions
from unmogrowp.contracts.receipts import receipt_secret
from unmogrowp.contracts.topics import Topic
from unmogrowp.control.key_hash import hash_key
from unmogrowp.stream.memory import MemoryStream
from unmogrowp.stream.port import StreamRecord

PEPPER = b"p" * 32
SECRET = receipt_secret(PEPPER)
NOON = 1_790_251_200_000  # 2026-09-24T12:00:00Z


class FrozenClock:
    """A clock that moves only when told."""

    def __init__(self, now_ms: int = NOON) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def snapshot(version: int = 1, *, revoked: bool = False, disabled: bool = False) -> Snapshot:
    return Snapshot(
        version=version,
        apps=[
            AppEntry("app", "00" * 32, is_disabled=disabled),
            AppEntry("open", "11" * 32, keeps_addresses=True),
        ],
        keys=[
            KeyEntry("key", hash_key("wk", PEPPER), "app", is_revoked=revoked),
            KeyEntry("key-strict", hash_key("wk-strict", PEPPER), "app", is_strict=True),
            KeyEntry("key-open", hash_key("wk-open", PEPPER), "open"),
        ],
    )


@dataclass
class FakeCollector:
    """One worker; `calls` run on a loop of their own, so tests stay plain functions."""

    options: CollectorOptions = field(
        default_factory=lambda: CollectorOptions(min_free_disk_bytes=0)
    )
    stream: MemoryStream = field(default_factory=lambda: MemoryStream([str(t) for t in Topic]))
    ring: KeyRing = field(default_factory=lambda: KeyRing(PEPPER, snapshot()))
    clock: FrozenClock = field(default_factory=FrozenClock)
    # How requests arrive: as bytes of a connection, or as foreign ASGI servers call.
    is_asgi: ClassVar[bool] = False
    ask_for_tokens: Ask | None = None

    def __post_init__(self) -> None:
        self.app: Collector = create_app(
            self.options,
            self.stream,
            self.ring,
            receipt_secret=SECRET,
            clock=self.clock,
            ask_for_tokens=self.ask_for_tokens,
        )

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run something that calls the collector."""

        async def within() -> Any:
            self.app.delivery.start()
            self.app.delivery.open()
            try:
                return await work()
            finally:
                await self.app.delivery.stop()

        return asyncio.run(within())

    def call(self, *arguments: Any, **more: Any) -> Answer:
        """Send one request and return its answer."""
        answer: Answer = self.run(lambda: self.send(*arguments, **more))
        return answer

    async def send(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] = b"",
        headers: dict[str, str] | None = None,
        *,
        peer: str = "198.51.100.7",
    ) -> Answer:
        """Send one request; `body` may come in pieces."""
        if not self.is_asgi:
            wire = request_bytes(method, target, body, headers)
            connection = FakeConnection(self.app, peer)
            for piece in wire:
                connection.feed(piece)
            return await connection.answer()
        path, _, query = target.partition("?")
        pieces = [body] if isinstance(body, bytes) else list(body)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode("latin-1"))
                for name, value in {
                    "host": "collector",
                    "content-length": str(sum(map(len, pieces))),
                    **(headers or {}),
                }.items()
            ],
            "client": (peer, 4711),
            "server": ("collector", 80),
        }
        incoming = [
            {"type": "http.request", "body": piece, "more_body": index < len(pieces) - 1}
            for index, piece in enumerate(pieces)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start = sent[0]
        return Answer(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )

    def records(self, topic: Topic = Topic.EVENTS) -> list[StreamRecord]:
        """Return what the stream holds of a topic."""
        return self.stream.records(str(topic))


class FakeTransport(asyncio.Transport):
    """Keeps what was written."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 4711), "sockname": ("127.0.0.1", 80)})
        self.written = bytearray()
        self.is_closed = False
        self.is_paused = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class FakeConnection:
    """A client's end of one connection to the collector, without a socket."""

    def __init__(
        self, app: Collector, peer: str = "198.51.100.7", *, keep_alive_seconds: float = 65.0
    ) -> None:
        config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
        config.load()
        self.state = ServerState()
        self.transport = FakeTransport(peer)
        self.protocol = protocol_of(app.intake)(
            config, self.state, {}, _loop=asyncio.get_running_loop()
        )
        self.protocol.timeout_keep_alive = keep_alive_seconds  # type: ignore[assignment]
        self.protocol.connection_made(self.transport)

    def feed(self, data: bytes) -> None:
        if not self.transport.is_closed:
            self.protocol.data_received(data)

    async def answer(self, seconds: float = 5.0) -> Answer:
        """Wait for the next answer and take it off the wire."""
        async with asyncio.timeout(seconds):
            while (found := parse_answer(self.transport.written)) is None:
                await asyncio.sleep(0.001)
        answer, size = found
        del self.transport.written[:size]
        return answer

    def lose(self) -> None:
        self.transport.is_closed = True
        self.protocol.connection_lost(None)


def request_bytes(
    method: str,
    target: str,
    body: bytes | Sequence[bytes] = b"",
    headers: dict[str, str] | None = None,
) -> list[bytes]:
    """Return a request as it goes over the wire: the head, then the body in its pieces."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    length = str(sum(map(len, pieces)))
    lines = [f"{method} {target} HTTP/1.1"]
    fields = {"Host": "collector", "Content-Length": length, **(headers or {})}
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ["\r\n".join((*lines, "", "")).encode("latin-1"), *(piece for piece in pieces if piece)]


def parse_answer(written: bytes | bytearray) -> tuple[Answer, int] | None:
    """Return the first whole answer and its size; an interim one is skipped with it."""
    head, end, rest = bytes(written).partition(b"\r\n\r\n")
    if not end:
        return None
    if head.startswith(b"HTTP/1.1 100"):
        found = parse_answer(rest)
        return found and (found[0], found[1] + len(head) + 4)
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if len(rest) < length:
        return None
    headers.pop("date", None)
    return Answer(int(status.split()[1]), headers, rest[:length]), len(head) + 4 + length


def headers_of(record: StreamRecord) -> dict[str, str]:
    """Return the headers of a record as text."""
    return {name: value.decode() for name, value in record.headers}


def collector_options(home: Path, **changes: Any) -> CollectorOptions:
    """Return options with the smallest delays."""
    return CollectorOptions(home=home, **{"min_free_disk_bytes": 0, **changes})
