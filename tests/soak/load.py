"""Load for hours: many connections, little work per request, and every answer remembered.

The same promise as the witness of the end-to-end tests, at rates it cannot reach: a request is a
number, its items are `<run>-<number>.<index>`, and its fate is one byte.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

import uvloop

from tests.e2e.platform import App, Platform

UNSENT, ACKNOWLEDGED, UNKNOWN, REFUSED = range(4)
ANSWER_SECONDS = 40.0
# Clients that are told to come back come back sooner than asked: pressure is the point.
PAUSE_SECONDS = 0.5
NUMBER_WIDTH = 9

NAMES = ("Level Completed", "Application Opened", "Product Viewed", "Order Completed")
MODELS = ("Pixel 8", "SM-S921B", "Redmi Note 13", "iPhone15,2", "iPhone14,5")
LOCALES = ("de-DE", "fr-FR", "es-ES", "en-GB", "pt-BR", "ja-JP")


@dataclass
class Tally:
    """What was sent and answered."""

    run: str = field(default_factory=lambda: uuid4().hex[:8])
    fates: bytearray = field(default_factory=bytearray)
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    without_retry_after: int = 0
    seconds: float = 0.0

    def count(self, fate: int) -> int:
        """Return how many requests had this fate."""
        return self.fates.count(fate)

    def __str__(self) -> str:
        return (
            f"{self.count(ACKNOWLEDGED)} acknowledged, {self.count(UNKNOWN)} unknown, "
            f"{self.count(REFUSED)} refused; answers {dict(sorted(self.statuses.items()))}"
        )


class Load:
    """Sends batches over a fixed number of connections.

    Args:
        platform: Where to.
        app: For whom.
        connections: How many requests are under way at once, at most.
        batch_size: Events of a request, about 450 bytes each.
        rate: Requests a second; None: as fast as they are answered.
    """

    def __init__(
        self,
        platform: Platform,
        app: App,
        *,
        connections: int,
        batch_size: int,
        rate: float | None = None,
    ) -> None:
        self.tally = Tally()
        self._address = urlsplit(platform.collector_url)
        self._connections = connections
        self._batch_size = batch_size
        self._rate = rate
        self._bodies = [_template(app, self.tally.run, batch_size, seed) for seed in range(16)]
        self._stopping = False
        self._began = 0.0

    def stop(self) -> None:
        """Let every connection end after its present request; callable from any thread."""
        self._stopping = True

    def run(self, seconds: float | None = None) -> Tally:
        """Send until told to stop, or for some time; afterwards every request has a fate."""
        uvloop.run(self._run(seconds))
        return self.tally

    async def _run(self, seconds: float | None) -> None:
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._work())
            if seconds is not None:
                group.create_task(self._stop_after(seconds))
        self.tally.seconds = time.monotonic() - self._began

    async def _stop_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.stop()

    async def _work(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._stopping:
            if streams is None:
                try:
                    streams = await asyncio.open_connection(
                        self._address.hostname, self._address.port
                    )
                except OSError:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
            number = len(self.tally.fates)
            self.tally.fates.append(UNSENT)
            if self._rate is not None:
                due = self._began + number / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    status = await self._ask(streams, number)
            except (OSError, EOFError, ValueError, TimeoutError):
                streams[1].close()
                streams, status = None, 0
            self.tally.statuses[status] += 1
            refused = REFUSED if 400 <= status < 500 else UNKNOWN
            self.tally.fates[number] = ACKNOWLEDGED if status == 200 else refused
            if status != 200:
                await asyncio.sleep(PAUSE_SECONDS)
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()

    async def _ask(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], number: int
    ) -> int:
        reader, writer = streams
        name = f"{self.tally.run}-{number:0{NUMBER_WIDTH}d}".encode()
        body = self._bodies[number % len(self._bodies)].replace(_PLACEHOLDER, name)
        writer.write(
            b"POST /v1/batch HTTP/1.1\r\nHost: collector\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if status in (429, 503) and b"\r\nretry-after:" not in head:
            self.tally.without_retry_after += 1
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        if b"\r\nconnection: close" in head:
            raise EOFError
        return status


_PLACEHOLDER = b"@RUN-AND-NUMBER@"


def _template(app: App, run: str, batch_size: int, seed: int) -> bytes:
    """Return a body of varied events, about 450 bytes each, in which only the ids are missing."""
    chance = random.Random(f"{run}/{seed}")
    items = [
        {
            "type": "track",
            "event": chance.choice(NAMES),
            "messageId": f"{_PLACEHOLDER.decode()}.{index}",
            "anonymousId": f"anon-{chance.getrandbits(64):016x}",
            "properties": {
                "level": chance.randrange(200),
                "score": round(chance.random() * 1000, 3),
                "session": f"{chance.getrandbits(128):032x}",
                "note": "x" * chance.randrange(20, 60),
            },
            "context": {
                "library": {"name": "analytics-python", "version": "2.4.0"},
                "device": {"model": chance.choice(MODELS), "type": "android"},
                "os": {"name": "Android", "version": str(chance.randrange(9, 16))},
                "locale": chance.choice(LOCALES),
                "app": {"version": f"2.{chance.randrange(20)}.0"},
            },
        }
        for index in range(batch_size)
    ]
    body = {"writeKey": app.write_key, "batch": items}
    return json.dumps(body, separators=(",", ":")).encode()


_STORED = """
    SELECT toUInt32(substring(message_id, 10, {width:UInt8})) AS number, count(),
           uniqExact(message_id)
    FROM clean.events
    WHERE app_id = {app:String} AND startsWith(message_id, {run:String})
      AND number BETWEEN {first:UInt32} AND {last:UInt32}
    GROUP BY number"""
# Requests asked for at once: an analyst's query has a bounded memory.
_ASKED = 20_000


def disagreements(platform: Platform, app: App, tally: Tally, batch_size: int) -> list[str]:
    """Return where the tables say something else than the clients saw; empty is good."""
    found = bytearray(len(tally.fates))
    faults = Counter[str]()
    for number, count, distinct in _stored(platform, app, tally):
        if count != distinct:
            faults["requests with items stored twice"] += 1
        if distinct != batch_size:
            faults["requests stored in part"] += 1
        if number >= len(found) or tally.fates[number] in (UNSENT, REFUSED):
            faults["requests stored that were refused or never sent"] += 1
        else:
            found[number] = 1
    faults["acknowledged requests that are lost"] += sum(
        fate == ACKNOWLEDGED and not there for fate, there in zip(tally.fates, found, strict=True)
    )
    return [f"{count} {what}" for what, count in faults.items() if count]


def _stored(platform: Platform, app: App, tally: Tally) -> Iterator[tuple[int, int, int]]:
    """Yield every request found, with its items and how many of them differ."""
    last_number = 10**NUMBER_WIDTH - 1
    for first in range(0, len(tally.fates) + 1, _ASKED):
        # The last question is open: a number nobody sent must not hide beyond the end.
        last = first + _ASKED - 1 if first + _ASKED <= len(tally.fates) else last_number
        yield from platform.sql(
            _STORED, app=app.app_id, run=tally.run, width=NUMBER_WIDTH, first=first, last=last
        )
