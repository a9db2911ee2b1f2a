"""Between a request and the stream: bounded bytes in flight, one outcome per record.

The producer bounds nothing, so bytes are counted here until their outcome is known, also when
the client was told to come back later. Outcomes arrive on the producer's thread and are handed
to the event loop in bunches: one wake-up per record would cost more than the record.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from ingest_api.options import CollectorOptions
from ingest_api.statistics import HOUR_MS, Key, Statistics
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused
from unmogrowp.errors import SinkUnavailable
from unmogrowp.stream.port import Headers, Placement, StreamProducer

logger = logging.getLogger(__name__)

# What one record costs beside its bytes: headers, futures, the producer's bookkeeping.
OVERHEAD_BYTES = 4096
SWEEP_SECONDS = 0.25


# Told where the record is, or why nobody knows; once, on the event loop.
OnOutcome = Callable[[Placement | None, RequestRefused | None], None]


class _Pending:
    __slots__ = (
        "app_id", "arrived", "is_done", "items", "on_outcome", "placement", "received_at_ms",
        "sent_at", "size", "topic",
    )  # fmt: skip

    def __init__(
        self,
        arrived: "Callable[[_Pending], None]",
        topic: str,
        app_id: str,
        received_at_ms: int,
        items: int,
        size: int,
        on_outcome: "OnOutcome | None",
    ) -> None:
        self.arrived = arrived
        self.topic = topic
        self.app_id = app_id
        self.received_at_ms = received_at_ms
        self.items = items
        self.size = size
        self.on_outcome = on_outcome
        self.sent_at = time.monotonic()
        self.is_done = False
        self.placement: Placement | None = None

    def on_done(self, placement: Placement | None, error: Exception | None) -> None:
        del error  # whatever it is, nobody knows what became of the record
        self.placement = placement
        self.arrived(self)


class Delivery:
    """Sends records for one worker; all methods but the producer's callback run on the loop."""

    def __init__(
        self, sink: StreamProducer, statistics: Statistics, options: CollectorOptions
    ) -> None:
        self._sink = sink
        self._statistics = statistics
        self._options = options
        self._budget = options.in_flight_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrivals: deque[_Pending] = deque()
        self._is_woken = False
        self._is_push_due = False
        self._pending: deque[_Pending] = deque()
        self._sweeper: asyncio.Task[None] | None = None
        self.bytes_in_flight = 0
        self.is_disk_low = False
        self.is_open = False

    def start(self) -> None:
        """Begin on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._sweeper = asyncio.create_task(self._sweep(), name="sweep")

    def open(self) -> None:
        """Begin to take requests: the stream knows of this boot.

        Requests a killed worker acknowledged before anybody knew of it would be in the archive,
        and no audit could say why nobody counted them.
        """
        self.is_open = True

    async def stop(self) -> None:
        """End the sweeper."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    def refuse_if_full(self, size: int = 0) -> None:
        """Refuse before a body is read or decoded where it could not be taken.

        Raises:
            RequestRefused: With a code of status 503.
        """
        if self.bytes_in_flight + size > self._budget:
            raise RequestRefused(RejectionCode.SINK_BUSY, "too much is waiting for the stream")
        if self.is_disk_low:
            raise RequestRefused(RejectionCode.SINK_DISK, "the disk is nearly full")
        if not self.is_open:
            raise RequestRefused(RejectionCode.SINK_UNAVAILABLE, "the collector has not started")
        if self.stalled_ms() > self._options.stall_ms:
            raise RequestRefused(RejectionCode.SINK_UNAVAILABLE, "the stream does not answer")

    def stalled_ms(self) -> int:
        """Return for how long the oldest record has been waiting for its outcome."""
        pending = self._pending
        while pending and pending[0].is_done:
            pending.popleft()
        return int((time.monotonic() - pending[0].sent_at) * 1000) if pending else 0

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: Headers,
        on_outcome: OnOutcome,
        *,
        app_id: str,
        received_at_ms: int,
        items: int,
    ) -> None:
        """Send one record; `on_outcome` is told within `ack_timeout_ms` what became of it.

        Raises:
            RequestRefused: The record was not sent: nothing of it is in the stream.
        """
        size = len(value) + OVERHEAD_BYTES
        if self.bytes_in_flight + size > self._budget:
            raise RequestRefused(RejectionCode.SINK_BUSY, "too much is waiting for the stream")
        if self._loop is None or not self.is_open:
            raise RequestRefused(RejectionCode.SINK_UNAVAILABLE, "the collector has not started")
        pending = _Pending(self._arrive, topic, app_id, received_at_ms, items, size, on_outcome)
        try:
            self._sink.send(topic, key, value, headers, pending.on_done, waits_for_push=True)
        except SinkUnavailable as error:
            raise RequestRefused(RejectionCode.SINK_UNAVAILABLE, "no stream") from error
        if not self._is_push_due:
            # After all requests that have arrived by now: they share batches and one wake-up.
            self._is_push_due = True
            self._loop.call_soon(self._push)
        self.bytes_in_flight += size
        self._pending.append(pending)

    def _push(self) -> None:
        self._is_push_due = False
        self._sink.push()

    def pending_before(self, received_before_ms: int) -> list[tuple[Key, int]]:
        """Return (key, items) of requests received before an instant that have no outcome yet."""
        return [
            ((one.app_id, one.received_at_ms - one.received_at_ms % HOUR_MS, one.topic), one.items)
            for one in self._pending
            if not one.is_done and one.received_at_ms < received_before_ms
        ]

    def _arrive(self, pending: _Pending) -> None:
        # On the producer's thread. The flag may be lowered between the two lines: then one
        # wake-up too many happens, never one too few.
        self._arrivals.append(pending)
        if not self._is_woken and self._loop is not None:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._settle)
            except RuntimeError:  # the loop is closed: nobody is left to be told
                return

    def _settle(self) -> None:
        self._is_woken = False
        arrivals = self._arrivals
        statistics = self._statistics
        while arrivals:
            one = arrivals.popleft()
            one.is_done = True
            self.bytes_in_flight -= one.size
            placement = one.placement
            if placement is not None:
                statistics.count_acknowledged(one.app_id, one.received_at_ms, one.topic, one.items)
            else:
                statistics.count_unknown(one.app_id, one.received_at_ms, one.topic, one.items)
            _tell(one, placement, "no acknowledgement")

    async def _sweep(self) -> None:
        timeout = self._options.ack_timeout_ms / 1000
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.stalled_ms()
            limit = time.monotonic() - timeout
            for one in self._pending:
                if one.sent_at > limit:
                    break
                _tell(one, None, "no acknowledgement in time")


def _tell(one: _Pending, placement: Placement | None, otherwise: str) -> None:
    """Tell the client's side once; the record may have its outcome later than its client."""
    on_outcome, one.on_outcome = one.on_outcome, None
    if on_outcome is None:
        return
    try:
        if placement is not None:
            on_outcome(placement, None)
        else:
            on_outcome(None, RequestRefused(RejectionCode.SINK_UNAVAILABLE, otherwise))
    except Exception:  # one client's fault must not keep the others waiting
        logger.exception("an outcome could not be told")
