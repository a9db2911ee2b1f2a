"""The hot path: a request becomes one record, and is answered when the stream has it.

The order of steps is the contract: admit, read, authenticate, unpack, judge, redact, send, wait,
answer. Nothing here waits: outcomes come back as calls, because a task for each request would
cost more than judging it. How requests arrive is the business of `connections.py` and `asgi.py`.
"""

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from ingest_api.answers import Reply, success, verdicts
from ingest_api.authentication import Authenticator, UnknownSender
from ingest_api.delivery import Delivery
from ingest_api.entries import Entry
from ingest_api.events import read_events
from ingest_api.options import CollectorOptions
from ingest_api.rates import Rates
from ingest_api.refusals import Refusals
from ingest_api.requests import Request
from ingest_api.routes import Route
from ingest_api.senders import AddressBook
from ingest_api.statistics import Statistics
from ingest_api.touches import read_touches_of
from unmogrowp.clock import Clock
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused, faults_header
from unmogrowp.contracts.topics import Header
from unmogrowp.stream.port import Placement, StreamProducer

# What headers and key of a record may take beside its value, and of a batch beside its records.
RECORD_OVERHEAD_BYTES = 128 * 1024
_REJECTED = Header.REJECTED.value


class Intake:
    """Takes requests of the hot routes for one worker; used on its event loop only."""

    def __init__(
        self,
        options: CollectorOptions,
        sink: StreamProducer,
        authenticator: Authenticator,
        rates: Rates,
        delivery: Delivery,
        statistics: Statistics,
        clock: Clock,
        write_receipt: Callable[[str, str, int, int], str],
    ) -> None:
        self._limits = options.limits
        self._trusted_proxies = options.trusted_proxies
        self._sink = sink
        self._authenticator = authenticator
        self._rates = rates
        self._delivery = delivery
        self._clock = clock
        self._write_receipt = write_receipt
        self._addresses = AddressBook()
        self._refusals = Refusals(options, delivery, statistics, self._addresses, self._receipt)
        self._request_number = 0
        self._request_prefix = statistics.boot_id.replace("-", "")
        self.max_wire_bytes = options.limits.max_wire_bytes
        self.body_timeout_seconds = options.body_timeout_seconds

    def begin(
        self,
        route: Route,
        method: str,
        query: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        peer: str,
        reply: Reply,
    ) -> Request:
        """Return a request whose body is to be read next; `reply` is called with its answer."""
        self._request_number += 1
        return Request(
            route,
            method,
            query,
            headers,
            peer,
            reply,
            received_at_ms=self._clock.now_ms(),
            request_id=f"{self._request_prefix}-{self._request_number:x}",
            trusted_proxies=self._trusted_proxies,
        )

    def admit(self, request: Request) -> bool:
        """Reserve room for the body; where there is none, answer and return False."""
        try:
            if not self._authenticator.is_loaded:
                raise RequestRefused(
                    RejectionCode.SINK_UNAVAILABLE, "write keys are not loaded yet"
                )
            # Bytes being read count too: many slow uploads must not exceed the budget together.
            self._reserve(request, min(request.content_length, self.max_wire_bytes))
        except RequestRefused as refusal:
            self._refuse(request, refusal)
            return False
        return True

    def grow(self, request: Request, size: int) -> bool:
        """Note how much of a body has come; where it is too much, answer and return False.

        A body without Content-Length is counted as it comes.
        """
        try:
            self._reserve(request, min(size, self.max_wire_bytes))
        except RequestRefused as refusal:
            self._refuse(request, refusal)
            return False
        return True

    def take(self, request: Request) -> None:
        """Take a request whose body has been read, or cut at the limit."""
        try:
            if request.is_cut:
                if request.route.touch_type is None:
                    self._authenticator.by_header(request)
                raise RequestRefused(
                    RejectionCode.SIZE_WIRE, f"more than {self.max_wire_bytes} bytes"
                )
            read = read_events if request.route.touch_type is None else read_touches_of
            max_bytes = self._max_unpacked(request.route.topic)
            entry = read(request, self._authenticator, self._rates, self._limits, max_bytes)
            self._record(request, entry)
        except UnknownSender as unknown:
            if not self._authenticator.ask_again(request, self.take):
                self._refuse(request, unknown)
        except RequestRefused as refusal:
            self._refuse(request, refusal)

    def abandon(self, request: Request) -> None:
        """Let go of a request whose client left before it was complete."""
        self._release(request)

    def _record(self, request: Request, entry: Entry) -> None:
        sender = request.sender
        if sender is None:  # reading it has seen to that
            raise RequestRefused(RejectionCode.AUTH_UNKNOWN_KEY, "no sender")
        headers = request.record_headers(
            self._addresses.look_up(request.address, sender.address_secret), entry.item_count
        )
        if entry.faults:
            headers.append((_REJECTED, faults_header(entry.faults)))
        # From here on the record counts, not the request: its bytes stay reserved until its
        # outcome is known, which may be after the client has been answered.
        self._release(request)
        self._delivery.send(
            request.route.topic,
            f"{sender.app_id}:{entry.device}".encode("utf-8", "surrogatepass"),
            entry.body,
            headers,
            partial(self._answer, request, entry),
            app_id=sender.app_id,
            received_at_ms=request.received_at_ms,
            items=entry.item_count,
        )
        self._rates.charge(request, entry.item_count)
        # The producer keeps the body until it is compressed; we need it no longer.
        entry.body = request.wire = request.unpacked = request.original = b""

    def _answer(
        self,
        request: Request,
        entry: Entry,
        placement: Placement | None,
        refusal: RequestRefused | None,
    ) -> None:
        if placement is None:
            if refusal is not None:
                self._refuse(request, refusal)
            return
        receipt = self._receipt(placement)
        faults = entry.faults
        accepted = entry.item_count - len(faults)
        sender = request.sender
        if request.is_strict or (sender is not None and sender.is_strict):
            answer = verdicts(accepted, faults, receipt)
        elif entry.touch_ids is None:
            answer = success(receipt, accepted, len(faults))
        else:
            answer = success(receipt, accepted, len(faults), _touches_body(entry.touch_ids))
        request.reply(answer)

    def _refuse(self, request: Request, refusal: RequestRefused) -> None:
        self._release(request)
        self._refusals.refuse(request, self._rates.judge_refusal(request, refusal))

    def _reserve(self, request: Request, size: int) -> None:
        more = size - request.reserved
        if more > 0 or not request.reserved:
            self._delivery.refuse_if_full(more)
            self._delivery.bytes_in_flight += more
            request.reserved = size

    def _release(self, request: Request) -> None:
        self._delivery.bytes_in_flight -= request.reserved
        request.reserved = 0

    def _max_unpacked(self, topic: str) -> int:
        room = self._sink.max_record_bytes(topic) - RECORD_OVERHEAD_BYTES
        return min(self._limits.max_unpacked_bytes, room)

    def _receipt(self, placement: Placement) -> str:
        return self._write_receipt(
            placement.topic, placement.topic_id, placement.partition, placement.offset
        )


def _touches_body(touch_ids: list[str]) -> bytes:
    body = {"success": True, "touch_id": touch_ids[0] if touch_ids else ""}
    if len(touch_ids) > 1:
        return msgspec.json.encode({**body, "touch_ids": touch_ids})
    return msgspec.json.encode(body)
