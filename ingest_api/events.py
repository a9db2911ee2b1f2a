"""Requests shaped like Segment's: unpacked, authenticated, judged, redacted."""

from ingest_api.authentication import Authenticator
from ingest_api.bodies import mend_surrogates, unpack
from ingest_api.entries import Entry, redacted
from ingest_api.rates import Rates
from ingest_api.requests import Request
from unmogrowp.contracts.items import Reading, read_batch, read_single, write_key_in
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused


def read_events(
    request: Request, authenticator: Authenticator, rates: Rates, limits: Limits, max_bytes: int
) -> Entry:
    """Return the entry of a batch or of a single call; `max_bytes` bounds the unpacked body.

    Raises:
        RequestRefused: Nothing of the request can be used, or it comes too fast.
    """
    authenticator.by_header(request)
    rates.admit(request)
    body = request.unpacked = unpack(request.wire, request.encoding, max_bytes)
    try:
        reading = _judge(request, body, limits)
    except RequestRefused as refusal:
        mended = mend_surrogates(body)
        if refusal.code != RejectionCode.PARSE_JSON or mended == body:
            raise
        reading = _judge(request, mended, limits)
        request.original, body = body, mended
    sender = request.sender
    if sender is None:
        sender, _ = authenticator.by_key(request, write_key_in(body))
        rates.admit(request)
    body = redacted(request, body, sender.address_secret)
    if request.original and request.is_redacted:
        request.original = b""
    return Entry(body, reading.item_count, reading.faults, reading.device)


def _judge(request: Request, body: bytes, limits: Limits) -> Reading:
    event_type = request.route.event_type
    if event_type is None:
        return read_batch(body, limits)
    return read_single(body, event_type, limits)
