"""A collector without a network: called as ASGI servers call it, on the stream in memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest_api.app import Collector, create_app
from ingest_api.keys import AppEntry, KeyEntry, KeyRing, Snapshot
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

    def __post_init__(self) -> None:
        self.app: Collector = create_app(
            self.options, self.stream, self.ring, receipt_secret=SECRET, clock=self.clock
        )

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run something that calls the collector."""

        async def within() -> Any:
            self.app.delivery.start()
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
        """Speak ASGI once; `body` may come in pieces."""
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


def headers_of(record: StreamRecord) -> dict[str, str]:
    """Return the headers of a record as text."""
    return {name: value.decode() for name, value in record.headers}


def collector_options(home: Path, **changes: Any) -> CollectorOptions:
    """Return options with the smallest delays."""
    return CollectorOptions(home=home, **{"min_free_disk_bytes": 0, **changes})
