"""Sends a recorded market through a collector: in order, at a rate, and to the end.

Requests go out in slices of the file. A slice is finished when every request in it was answered
for good; only then is its end remembered. Whoever is killed in between sends at most one slice
again, and a request sent twice gives copies, not new installs. What is answered 429 or 503, or not
at all, is sent again after the time the collector asked for; everything else is an answer for good.
"""

import json
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import islice
from urllib.parse import urlsplit

from unmogrowp.clock import Clock
from unmogrowp.errors import ConfigurationError, PermanentError, TransientError
from unmogrowp.simulator.replay import RecordedRequest

REQUESTS_PER_SLICE = 512
RETRY_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
TIMEOUT_SECONDS = 60.0
REASONS_KEPT = 5
_TRY_AGAIN = (429, 503)


@dataclass(slots=True)
class Totals:
    """What became of the requests; items are events and touches.

    `refused` counts requests by status, `waits` answers that asked for patience by status (0: no
    answer at all), `reasons` are the first refusals in words.
    """

    requests: int = 0
    accepted_items: int = 0
    rejected_items: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Return whether everything was taken whole."""
        return not self.refused and not self.rejected_items


class Sender:
    """A market's phones and networks towards one collector.

    Args:
        collector_url: `http://host:port` or `https://host:port`.
        app_id: App that links and batches of touches name.
        write_key: Key that phones send; never logged.
        clock: Gives the instant phones write as `sentAt`.
        rate: Requests per second at most; 0 is as fast as answers come.
        connections: Requests on their way at one time.
        patience_seconds: How long nothing may go forward before it gives up.
        sleep: Waits; tests replace it.
    """

    def __init__(
        self,
        collector_url: str,
        app_id: str,
        write_key: str,
        clock: Clock,
        *,
        rate: float = 0.0,
        connections: int = 8,
        patience_seconds: float = 300.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(collector_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{collector_url!r} is no address like http://127.0.0.1:8080")
        self._parts = parts
        self._app_id = app_id
        self._authorization = "Basic " + b64encode(f"{write_key}:".encode()).decode()
        self._clock = clock
        self._rate = rate
        self._connections = connections
        self._patience = patience_seconds
        self._sleep = sleep
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._is_given_up = threading.Event()
        self._not_before = 0.0
        self._last_progress = 0.0
        self._started = 0.0
        self._turn = 0
        self.totals = Totals()

    def send(
        self,
        requests: Iterable[RecordedRequest],
        on_slice: Callable[[int], None] = lambda _count: None,
    ) -> Totals:
        """Send all and wait for their answers.

        `on_slice` is called with the number of requests of each finished slice: whoever wants to
        go on after a kill remembers their sum.

        Raises:
            TransientError: Nothing went forward for too long; what was finished stays finished.
            PermanentError: The collector does not know the key.
        """
        source = iter(requests)
        self._started = self._last_progress = time.monotonic()
        self._turn = 0
        with ThreadPoolExecutor(self._connections, thread_name_prefix="sender") as pool:
            try:
                for batch in _slices(source):
                    for _ in pool.map(self._send_for_good, batch):
                        pass
                    on_slice(len(batch))
            except BaseException:
                self._is_given_up.set()
                raise
        return self.totals

    def _send_for_good(self, request: RecordedRequest) -> None:
        self._wait_for_turn()
        while not self._is_given_up.is_set():
            self._wait_for_permission()
            status, headers, body = self._send_once(request)
            if status in (0, *_TRY_AGAIN):
                self._postpone(status, headers.get("retry-after", ""))
            else:
                self._count(request, status, headers, body)
                return

    def _wait_for_turn(self) -> None:
        if self._rate <= 0:
            return
        with self._lock:
            due = self._started + self._turn / self._rate
            self._turn += 1
        delay = due - time.monotonic()
        if delay > 0:
            self._sleep(delay)

    def _wait_for_permission(self) -> None:
        delay = self._not_before - time.monotonic()
        if delay > 0:
            self._sleep(delay)

    def _postpone(self, status: int, retry_after: str) -> None:
        """Hold all connections back for as long as the collector asked."""
        seconds = float(retry_after) if retry_after.isdigit() else RETRY_SECONDS
        with self._lock:
            self.totals.waits[status] += 1
            now = time.monotonic()
            if now - self._last_progress > self._patience:
                self._is_given_up.set()
                said = f"answers {status}" if status else "does not answer"
                raise TransientError(
                    f"the collector {said} for {self._patience:.0f} s; "
                    "send again to go on where this stopped"
                )
            self._not_before = now + min(seconds, LONGEST_WAIT_SECONDS)

    def _send_once(self, request: RecordedRequest) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer; status 0 where there was none."""
        body = request.body_at(self._clock.now_ms()) or None
        headers = {**request.headers, "Authorization": self._authorization}
        connection = self._connection()
        try:
            connection.request(request.method, request.target(self._app_id), body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            connection.close()
            return 0, {}, b""
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._thread, "connection", None)
        if connection is None:
            kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
            connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_SECONDS)
            self._thread.connection = connection
        return connection

    def _count(
        self, request: RecordedRequest, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        if status == 401:
            raise PermanentError(
                "the collector does not know this key (401): `unmogrowp key list` shows whose "
                "keys are active; new keys are known within 5 seconds"
            )
        with self._lock:
            self._last_progress = time.monotonic()
            self.totals.requests += 1
            if status == 200:
                self.totals.accepted_items += int(headers.get("x-accepted", "0"))
                self.totals.rejected_items += int(headers.get("x-rejected", "0"))
                return
            self.totals.refused[status] += 1
            if len(self.totals.reasons) < REASONS_KEPT:
                path = request.path.partition("?")[0]
                self.totals.reasons.append(f"{status} {path}: {_detail(body)}")


def _slices(source: Iterator[RecordedRequest]) -> Iterator[list[RecordedRequest]]:
    while batch := list(islice(source, REQUESTS_PER_SLICE)):
        yield batch


def _detail(body: bytes) -> str:
    try:
        answer = json.loads(body)
        return str(answer.get("detail") or answer.get("error"))
    except (ValueError, AttributeError):
        return body[:120].decode("utf-8", "replace")
