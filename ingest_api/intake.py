"""The hot path: a request becomes one record, and is answered when the stream has it.

Pure ASGI, because each layer of a framework costs more than decoding a hundred events. The order
of steps is the contract: read, authenticate, unpack, judge, redact, send, wait, answer.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from ingest_api.answers import (
    PREFLIGHT,
    Send,
    receipt_headers,
    send_json,
    send_refusal,
    send_success,
    verdicts,
)
from ingest_api.bodies import ClientLeft, Receive, mend_surrogates, read_body, unpack
from ingest_api.dead_letters import DeadLetterQuota
from ingest_api.delivery import Delivery
from ingest_api.keys import KeyRefresher, KeyRing, Sender
from ingest_api.options import CollectorOptions
from ingest_api.requests import Request
from ingest_api.routes import Route
from ingest_api.senders import AddressBook, key_in_authorization
from ingest_api.statistics import Statistics
from unmogrowp.clock import Clock
from unmogrowp.contracts.addresses import redact_body, redact_text
from unmogrowp.contracts.items import Reading, read_batch, read_single, write_key_in
from unmogrowp.contracts.rejections import (
    REJECTIONS,
    ItemFault,
    RejectionCode,
    RequestRefused,
    faults_header,
)
from unmogrowp.contracts.topics import Header, Topic
from unmogrowp.contracts.touches import TouchReading, read_parameters, read_touches, touch_id
from unmogrowp.stream.port import Placement, StreamProducer

logger = logging.getLogger(__name__)

_DEAD_LETTERS = str(Topic.DEAD_LETTERS)
# What headers and key of a record may take beside its value, and of a batch beside its records.
RECORD_OVERHEAD_BYTES = 128 * 1024
# How long a request with an unknown key waits for PostgreSQL to say so.
REFRESH_SECONDS = 3.0


class Intake:
    """Takes requests of the hot routes for one worker."""

    def __init__(
        self,
        options: CollectorOptions,
        sink: StreamProducer,
        ring: KeyRing,
        refresher: KeyRefresher | None,
        delivery: Delivery,
        statistics: Statistics,
        clock: Clock,
        write_receipt: Callable[[str, str, int, int], str],
    ) -> None:
        self._options = options
        self._limits = options.limits
        self._sink = sink
        self._ring = ring
        self._refresher = refresher
        self._delivery = delivery
        self._statistics = statistics
        self._clock = clock
        self._write_receipt = write_receipt
        self._quota = DeadLetterQuota(
            options.dead_letter_daily_bytes, options.dead_letter_total_daily_bytes
        )
        self._addresses = AddressBook()
        self._keys_by_header: dict[bytes, tuple[int, Sender]] = {}
        self._request_number = 0
        self._request_prefix = statistics.boot_id.replace("-", "")
        self.requests_running = 0

    async def __call__(
        self, route: Route, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Answer one request of a hot route."""
        method = scope["method"]
        if method == "POST" or (method == "GET" and route.touch_type is not None):
            self.requests_running += 1
            try:
                await self._take(route, scope, receive, send)
            finally:
                self.requests_running -= 1
        elif method == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": PREFLIGHT})
            await send({"type": "http.response.body", "body": b""})
        else:
            allowed = b"GET, POST, OPTIONS" if route.touch_type else b"POST, OPTIONS"
            body = b'{"error":"method.not_allowed","detail":"see the header Allow"}'
            await send_json(send, 405, body, [(b"allow", allowed)])

    async def _take(
        self, route: Route, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        self._request_number += 1
        request = Request(
            route,
            scope,
            self._clock.now_ms(),
            f"{self._request_prefix}-{self._request_number:x}",
            self._options.trusted_proxies,
        )
        try:
            await self._read(request, receive)
            if route.touch_type is None:
                await self._take_events(request, send)
            else:
                await self._take_touches(request, send)
        except RequestRefused as refusal:
            await self._refuse(request, refusal, send)
        except ClientLeft:
            return
        finally:
            self._delivery.bytes_in_flight -= request.reserved

    async def _read(self, request: Request, receive: Receive) -> None:
        if not self._ring.is_loaded:
            raise RequestRefused(RejectionCode.SINK_UNAVAILABLE, "write keys are not loaded yet")
        length = min(request.content_length, self._limits.max_wire_bytes)
        self._delivery.refuse_if_full(length)
        # Bytes being read count too: many slow uploads must not add up to more than the budget.
        request.reserved = length
        self._delivery.bytes_in_flight += length

        def on_size(size: int) -> None:
            # A body without Content-Length is counted as it comes.
            if size > request.reserved:
                self._delivery.refuse_if_full(size - request.reserved)
                self._delivery.bytes_in_flight += size - request.reserved
                request.reserved = size

        max_bytes = self._limits.max_wire_bytes
        if request.is_small:
            request.wire, is_cut = await read_body(receive, max_bytes, on_size)
        else:
            try:
                async with asyncio.timeout(self._options.body_timeout_seconds):
                    request.wire, is_cut = await read_body(receive, max_bytes, on_size)
            except TimeoutError:
                raise ClientLeft from None
        if is_cut:
            await self._authenticate_by_header(request)
            raise RequestRefused(
                RejectionCode.SIZE_WIRE, f"more than {self._limits.max_wire_bytes} bytes"
            )

    async def _take_events(self, request: Request, send: Send) -> None:
        await self._authenticate_by_header(request)
        topic = request.route.topic
        body = unpack(request.wire, request.encoding, self._max_unpacked(topic))
        request.unpacked = body
        try:
            reading = self._read_items(request, body)
        except RequestRefused as refusal:
            mended = mend_surrogates(body)
            if refusal.code != RejectionCode.PARSE_JSON or mended == body:
                raise
            request.original, body = body, mended
            reading = self._read_items(request, body)
        if request.sender is None:
            request.sender = await self._sender_of_key(write_key_in(body))
        sender = request.sender
        if not sender.keeps_addresses:
            redacted = redact_body(body, sender.address_secret)
            if redacted is not body:
                body, request.is_redacted, request.original = redacted, True, b""
        placement = await self._send(request, body, reading.item_count, reading)
        receipt = self._receipt(placement)
        rejected = len(reading.faults)
        accepted = reading.item_count - rejected
        if request.is_strict or sender.is_strict:
            await self._answer_strictly(send, accepted, reading.faults, receipt)
        else:
            await send_success(send, receipt, accepted, rejected)

    def _read_items(self, request: Request, body: bytes) -> Reading:
        event_type = request.route.event_type
        if event_type is None:
            return read_batch(body, self._limits)
        return read_single(body, event_type, self._limits)

    async def _take_touches(self, request: Request, send: Send) -> None:
        route = request.route
        query = request.query_parameters()
        app_in_query = dict(query).get("app_id", "")
        request.sender = self._ring.of_app(app_in_query)
        body = unpack(request.wire, request.encoding, self._max_unpacked(route.topic))
        request.unpacked = body
        if request.method == "POST" and body.lstrip()[:1] in (b"{", b"["):
            reading = read_touches(body, self._limits, app_in_query)
        else:
            reading = read_parameters([*query, *_form_parameters(body)])
            request.original = request.original_of_parameters()
        request.sender = await self._sender_of_app(reading.app_id)
        sender = request.sender
        if request.original or not body:
            fields = dict(reading.items[0])
            if not sender.keeps_addresses and "ip" in fields:
                redacted = redact_text(fields["ip"], sender.address_secret)
                if redacted != fields["ip"]:
                    fields["ip"], request.is_redacted, request.original = redacted, True, b""
            reading.items = [fields]
            body = request.as_json(fields)
        elif not sender.keeps_addresses:
            redacted_body = redact_body(body, sender.address_secret)
            if redacted_body is not body:
                body, request.is_redacted = redacted_body, True
                reading = read_touches(body, self._limits, app_in_query)
        touch_ids = [
            touch_id(
                fields,
                app_id=sender.app_id,
                touch_type=route.touch_type or "click",
                received_at_ms=request.received_at_ms,
                request_id=request.request_id,
                index=index,
            )
            for index, fields in enumerate(reading.items)
        ]
        placement = await self._send(request, body, len(reading.items), reading)
        receipt = self._receipt(placement)
        accepted = len(reading.items) - len(reading.faults)
        if request.is_strict:
            await self._answer_strictly(send, accepted, reading.faults, receipt)
            return
        answer: dict[str, Any] = {"success": True, "touch_id": touch_ids[0] if touch_ids else ""}
        if len(touch_ids) > 1:
            answer["touch_ids"] = touch_ids
        headers = receipt_headers(receipt, accepted, len(reading.faults))
        await send_json(send, 200, request.as_json(answer), headers)

    async def _send(
        self, request: Request, body: bytes, item_count: int, reading: Reading | TouchReading
    ) -> Placement:
        sender = request.sender
        if sender is None:  # both callers have seen to it
            raise RequestRefused(RejectionCode.AUTH_UNKNOWN_KEY, "no sender")
        headers = request.record_headers(
            self._addresses.look_up(request.address, sender.address_secret), item_count
        )
        if reading.faults:
            headers.append((Header.REJECTED.value, faults_header(reading.faults)))
        # From here on the record counts, not the request: its bytes stay reserved until its
        # outcome is known, which may be after the client has been answered.
        self._delivery.bytes_in_flight -= request.reserved
        request.reserved = 0
        return await self._delivery.send(
            request.route.topic,
            f"{sender.app_id}:{reading.device}".encode("utf-8", "surrogatepass"),
            body,
            headers,
            app_id=sender.app_id,
            received_at_ms=request.received_at_ms,
            items=item_count,
        )

    async def _answer_strictly(
        self, send: Send, accepted: int, faults: list[ItemFault], receipt: str
    ) -> None:
        status = 200 if accepted else 422
        body = verdicts(accepted, faults, receipt)
        await send_json(send, status, body, receipt_headers(receipt, accepted, len(faults)))

    async def _authenticate_by_header(self, request: Request) -> None:
        """Set the sender where a header names a key; without one the body is asked later."""
        authorization = request.authorization
        if authorization is None or request.route.touch_type is not None:
            return
        known = self._keys_by_header.get(authorization)
        if known is not None and known[0] == self._ring.version:
            request.sender = known[1]
            return
        write_key = key_in_authorization(authorization)
        if not write_key:
            return
        sender = await self._sender_of_key(write_key)
        if len(self._keys_by_header) >= 10_000:
            self._keys_by_header.clear()
        self._keys_by_header[authorization] = (self._ring.version, sender)
        request.sender = sender

    async def _sender_of_key(self, write_key: str) -> Sender:
        if not write_key:
            raise RequestRefused(RejectionCode.AUTH_MISSING_KEY, "no write key")
        sender = self._ring.of_key(write_key)
        if sender is None and await self._refresh():
            sender = self._ring.of_key(write_key)
        if sender is None:
            raise RequestRefused(RejectionCode.AUTH_UNKNOWN_KEY, "unknown or revoked write key")
        return sender

    async def _sender_of_app(self, app_id: str) -> Sender:
        sender = self._ring.of_app(app_id)
        if sender is None and app_id and await self._refresh():
            sender = self._ring.of_app(app_id)
        if sender is None:
            raise RequestRefused(RejectionCode.AUTH_UNKNOWN_APP, "unknown or disabled app")
        return sender

    async def _refresh(self) -> bool:
        if self._refresher is None:
            return False
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(done.set)

        if not self._refresher.refresh_soon(wake):
            return False
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                await done.wait()
        except TimeoutError:
            return False
        return True

    async def _refuse(self, request: Request, refusal: RequestRefused, send: Send) -> None:
        code, detail = refusal.code, refusal.detail
        receipt = ""
        if REJECTIONS[code].is_kept:
            try:
                receipt = await self._keep(request, refusal)
            except RequestRefused as ours:
                # It could not be kept: the client must keep it, whatever is wrong with it.
                code, detail = ours.code, ours.detail
        else:
            self._count_refused(request, code)
        logger.log(REJECTIONS[code].log_level, "refused %s: %s", request.route.path, code.value)
        await send_refusal(send, code, detail, self._options.retry_after_seconds, receipt)

    async def _keep(self, request: Request, refusal: RequestRefused) -> str:
        """Send the bytes to the dead letters; return the receipt, '' beyond the quota."""
        sender = request.sender
        app_id = sender.app_id if sender else ""
        secret = sender.address_secret if sender else self._request_prefix.encode()
        address = self._addresses.look_up(request.address, secret)
        source = app_id or address[0].decode() or "unknown"
        if not self._quota.take(source, len(request.wire), request.received_at_ms):
            self._count_refused(request, refusal.code)
            return ""
        value = request.wire
        if not (sender and sender.keeps_addresses):
            readable = request.unpacked or value
            redacted = redact_body(readable, secret)
            if redacted is not readable:
                value, request.is_redacted = redacted, True
        if not value and request.query:
            value = request.original_of_parameters()
        headers = request.dead_letter_headers(address if sender else (address[0], b""), refusal)
        placement = await self._delivery.send(
            _DEAD_LETTERS,
            source.encode(),
            value,
            headers,
            app_id=app_id,
            received_at_ms=request.received_at_ms,
            items=0,
        )
        return self._receipt(placement)

    def _count_refused(self, request: Request, code: RejectionCode) -> None:
        app_id = request.sender.app_id if request.sender else ""
        self._statistics.count_refused(
            app_id, request.received_at_ms, request.route.topic, code.value
        )

    def _max_unpacked(self, topic: str) -> int:
        room = self._sink.max_record_bytes(topic) - RECORD_OVERHEAD_BYTES
        return min(self._limits.max_unpacked_bytes, room)

    def _receipt(self, placement: Placement) -> str:
        return self._write_receipt(
            placement.topic, placement.topic_id, placement.partition, placement.offset
        )


def _form_parameters(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except (UnicodeDecodeError, ValueError) as error:
        raise RequestRefused(RejectionCode.PARSE_FORM, "the form cannot be read") from error
