"""Clicks and impressions: links, forms and JSON become one shape, and get their ids."""

from urllib.parse import parse_qsl

from ingest_api.authentication import Authenticator
from ingest_api.bodies import unpack
from ingest_api.entries import Entry, redacted
from ingest_api.keys import Sender
from ingest_api.rates import Rates
from ingest_api.requests import Request
from unmogrowp.contracts.addresses import redact_text
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused
from unmogrowp.contracts.touches import TouchReading, read_parameters, read_touches, touch_id


def read_touches_of(
    request: Request, authenticator: Authenticator, rates: Rates, limits: Limits, max_bytes: int
) -> Entry:
    """Return the entry of a touch or of several; `max_bytes` bounds the unpacked body.

    Raises:
        RequestRefused: Nothing of the request can be used, or it comes too fast.
    """
    query = request.query_parameters()
    app_in_query = dict(query).get("app_id", "")
    authenticator.by_app_if_known(request, app_in_query)
    rates.admit(request)
    body = request.unpacked = unpack(request.wire, request.encoding, max_bytes)
    is_json = request.method == "POST" and body.lstrip()[:1] in (b"{", b"[")
    if is_json:
        reading = read_touches(body, limits, app_in_query)
    else:
        reading = read_parameters([*query, *_form_parameters(body)])
        request.original = request.original_of_parameters()
    sender = request.sender
    if sender is None or reading.app_id != app_in_query:
        sender = authenticator.by_app(request, reading.app_id)
        rates.admit(request)
    if is_json:
        minimised = redacted(request, body, sender.address_secret)
        if minimised is not body:
            body, reading = minimised, read_touches(minimised, limits, app_in_query)
    else:
        body = _as_json(request, reading, sender)
    return Entry(
        body,
        len(reading.items),
        reading.faults,
        reading.device,
        [
            touch_id(
                fields,
                app_id=sender.app_id,
                touch_type=request.route.touch_type or "click",
                received_at_ms=request.received_at_ms,
                request_id=request.request_id,
                index=index,
            )
            for index, fields in enumerate(reading.items)
        ],
    )


def _as_json(request: Request, reading: TouchReading, sender: Sender) -> bytes:
    """Return parameters as the JSON of the record, without the address in them."""
    fields = dict(reading.items[0])
    if not sender.keeps_addresses and "ip" in fields:
        minimised = redact_text(fields["ip"], sender.address_secret)
        if minimised != fields["ip"]:
            fields["ip"], request.is_redacted, request.original = minimised, True, b""
    reading.items = [fields]
    return request.as_json(fields)


def _form_parameters(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except (UnicodeDecodeError, ValueError) as error:
        raise RequestRefused(RejectionCode.PARSE_FORM, "the form cannot be read") from error
