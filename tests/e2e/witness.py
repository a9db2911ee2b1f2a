"""An outside witness: sends from several threads and remembers what it was told, by id.

A batch is one request; its items are `<token>.0`, `<token>.1`, … and its first one is an install,
so that marts can be counted too. Every so often a click is sent instead. What the tables must say
follows from the answer alone:

    acknowledged (200)            every item exactly once
    unknown (connection broke     all items once, or none: the record may have got through
      after the request was sent,
      503 while the broker was
      asked, answer timed out)
    refused (4xx), never sent     nothing
"""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

from tests.e2e.messages import INSTALLED, SERVER_LIBRARY
from tests.e2e.platform import App, Platform

Fate = Literal["acknowledged", "unknown", "refused"]
Kind = Literal["events", "click"]

# Longer than the collector waits for the broker: every answer it gives is heard.
ANSWER_SECONDS = 40.0
CLICK_EVERY = 5


@dataclass(frozen=True)
class Sent:
    """One request and what became of it as far as its sender knows."""

    token: str
    kind: Kind
    item_count: int
    fate: Fate


@dataclass
class Ledger:
    """Everything one witness sent."""

    run: str = field(default_factory=lambda: uuid4().hex[:8])
    sent: dict[str, Sent] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    without_retry_after: int = 0  # 429 and 503 that did not say when to come back
    slowest_seconds: float = 0.0

    def count(self, fate: Fate) -> int:
        """Return how many requests had this fate."""
        return sum(sent.fate == fate for sent in self.sent.values())

    def tokens(self, fate: Fate, kind: Kind) -> dict[str, int]:
        """Return the requests of a kind and fate, with how many items each has."""
        return {
            sent.token: sent.item_count
            for sent in self.sent.values()
            if sent.fate == fate and sent.kind == kind
        }

    def __str__(self) -> str:
        fates = ", ".join(
            f"{self.count(fate)} {fate}" for fate in ("acknowledged", "unknown", "refused")
        )
        return f"{len(self.sent)} requests: {fates}; answers {dict(sorted(self.statuses.items()))}"


@dataclass(frozen=True)
class Disagreement:
    """Where the tables say something else than the witness; empty when there is none."""

    lost: tuple[str, ...] = ()  # acknowledged, not there whole
    doubled: tuple[str, ...] = ()  # there more than once
    torn: tuple[str, ...] = ()  # unknown, and only some items are there
    invented: tuple[str, ...] = ()  # refused or never sent, and there


class Witness:
    """Sends until told to stop.

    Args:
        platform: Where to.
        app: For whom.
        threads: Connections.
        batch_size: Items of a batch.
        pause_seconds: Between two requests of one thread.
        resends: Whether a request that was not acknowledged is sent again, with the same ids,
            as SDKs do.
        padding_bytes: Makes items larger.
    """

    def __init__(
        self,
        platform: Platform,
        app: App,
        *,
        threads: int = 4,
        batch_size: int = 20,
        pause_seconds: float = 0.02,
        resends: bool = False,
        padding_bytes: int = 200,
    ) -> None:
        self.ledger = Ledger()
        self._address = urlsplit(platform.collector_url)
        self._app = app
        self._batch_size = batch_size
        self._pause_seconds = pause_seconds
        self._resends = resends
        self._padding = "x" * padding_bytes
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"witness-{n}", daemon=True)
            for n in range(threads)
        ]

    @contextmanager
    def sending(self) -> Iterator["Witness"]:
        """Send while the block runs; afterwards every request has a fate."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(ANSWER_SECONDS + 5)
            assert not any(thread.is_alive() for thread in self._threads)

    def wait_for(self, requests: int, *, seconds: float = 120) -> None:
        """Wait until that many more requests have been acknowledged."""
        target = self._acknowledged() + requests
        deadline = time.monotonic() + seconds
        while self._acknowledged() < target:
            assert time.monotonic() < deadline, f"too few acknowledgements: {self.ledger}"
            time.sleep(0.05)

    def _acknowledged(self) -> int:
        with self._lock:
            return self.ledger.count("acknowledged")

    def _work(self) -> None:
        connection = self._connection()
        while not self._stop.is_set():
            number = next(self._numbers)
            kind: Kind = "click" if number % CLICK_EVERY == CLICK_EVERY - 1 else "events"
            token = f"{self.ledger.run}-{number}"
            item_count = 1 if kind == "click" else self._batch_size
            path, body = self._click(token) if kind == "click" else self._batch(token)
            fate = self._deliver(connection, path, body)
            while self._resends and fate != "acknowledged" and not self._stop.wait(0.2):
                again = self._deliver(connection, path, body)
                # What may have got through before stays so until it is acknowledged.
                fate = again if again == "acknowledged" or fate == "refused" else fate
            with self._lock:
                self.ledger.sent[token] = Sent(token, kind, item_count, fate)
            self._stop.wait(self._pause_seconds if fate == "acknowledged" else 0.1)
        connection.close()

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(
            self._address.hostname or "127.0.0.1", self._address.port, timeout=ANSWER_SECONDS
        )

    def _deliver(self, connection: HTTPConnection, path: str, body: bytes) -> Fate:
        began = time.monotonic()
        if connection.sock is None:
            try:
                connection.connect()
            except OSError:
                connection.close()
                return self._note(0, began, has_retry_after=True, fate="refused")
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            connection.close()
            return self._note(0, began, has_retry_after=True, fate="unknown")
        has_retry_after = answer.headers.get("Retry-After") is not None
        fates: dict[int, Fate] = {200: "acknowledged", 503: "unknown"}
        fate = fates.get(answer.status, "refused" if answer.status < 500 else "unknown")
        return self._note(answer.status, began, has_retry_after=has_retry_after, fate=fate)

    def _note(self, status: int, began: float, *, has_retry_after: bool, fate: Fate) -> Fate:
        with self._lock:
            self.ledger.statuses[status] += 1
            if status in (429, 503) and not has_retry_after:
                self.ledger.without_retry_after += 1
            self.ledger.slowest_seconds = max(self.ledger.slowest_seconds, time.monotonic() - began)
        return fate

    def _batch(self, token: str) -> tuple[str, bytes]:
        items = [
            {
                "type": "track",
                "event": "Level Completed" if index else INSTALLED,
                "messageId": f"{token}.{index}",
                "anonymousId": f"anon-{token}",
                "properties": {"level": index, "note": self._padding},
                "context": {
                    "library": SERVER_LIBRARY,
                    "device": {"id": token, "type": "android"},
                    "os": {"name": "Android"},
                },
            }
            for index in range(self._batch_size)
        ]
        return "/v1/batch", json.dumps({"writeKey": self._app.write_key, "batch": items}).encode()

    def _click(self, token: str) -> tuple[str, bytes]:
        return "/v1/click", json.dumps(
            {
                "app_id": self._app.app_id,
                "media_source": "witness_ads",
                "click_id": f"{token}.0",
            }
        ).encode()


_COPIES = {
    "events": """
        SELECT splitByChar('.', message_id)[1] AS token, count(), uniqExact(message_id)
        FROM clean.events WHERE app_id = {app:String} AND startsWith(message_id, {run:String})
        GROUP BY token""",
    "click": """
        SELECT splitByChar('.', click_id)[1] AS token, count(), uniqExact(click_id)
        FROM clean.touches WHERE app_id = {app:String} AND startsWith(click_id, {run:String})
        GROUP BY token""",
}
_INSTALLS = """
    SELECT splitByChar('.', i.source_message_id)[1] AS token, count(), uniqExact(i.install_id)
    FROM mart.attributed_installs AS a
    INNER JOIN mart.installs AS i ON a.app_id = i.app_id AND a.install_id = i.install_id
    WHERE a.app_id = {app:String} AND a.ruleset_id = 'ours' AND a.is_primary
      AND startsWith(i.source_message_id, {run:String})
    GROUP BY token"""


def compare(platform: Platform, app: App, ledger: Ledger) -> Disagreement:
    """Hold the clean tables and the marts against what the witness saw."""
    lost, doubled, torn, invented = [], [], [], []
    kinds: tuple[Kind, ...] = ("events", "click")
    for kind in kinds:
        rows = platform.sql(_COPIES[kind], app=app.app_id, run=ledger.run)
        found = {token: (int(count), int(distinct)) for token, count, distinct in rows}
        acknowledged = ledger.tokens("acknowledged", kind)
        unknown = ledger.tokens("unknown", kind)
        doubled += [token for token, (count, distinct) in found.items() if count != distinct]
        lost += [
            token for token, items in acknowledged.items() if found.get(token, (0, 0))[1] != items
        ]
        torn += [
            token
            for token, items in unknown.items()
            if found.get(token, (0, 0))[1] not in (0, items)
        ]
        invented += [token for token in found if token not in acknowledged | unknown]
        if kind == "events":
            installs = platform.sql(_INSTALLS, app=app.app_id, run=ledger.run)
            counted = {token: int(count) for token, count, _ in installs}
            lost += [f"install of {token}" for token in found if token not in counted]
            doubled += [f"install of {token}" for token, n in counted.items() if n != 1]
    return Disagreement(tuple(lost), tuple(doubled), tuple(torn), tuple(invented))
