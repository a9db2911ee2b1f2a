"""Clicks and impressions: read from JSON, forms and query strings, judged, and given their id.

`touch_id` here and in `queries/clean/stage_touches.sql` are the same hash of the same text, so
that the id in the answer is the one in the table.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

import msgspec

from unmogrowp.contracts.limits import Limits, has_more_items_than, is_deeper_than
from unmogrowp.contracts.rejections import ItemFault, RejectionCode, RequestRefused

TouchType = Literal["click", "impression"]
FIELDS = (
    "media_source", "campaign", "campaign_id", "adset", "adset_id", "ad", "ad_id", "site_id",
    "sub_site_id", "idfa", "idfv", "gaid", "android_id", "user_id", "ip", "user_agent",
    "cost_model", "cost_value", "cost_currency", "is_retargeting",
)  # fmt: skip
_NAMED = frozenset({*FIELDS, "app_id", "click_id", "touch_at", "params", "touch_type", "touch_id"})
_DEVICE_FIELDS = ("idfv", "android_id", "idfa", "gaid", "user_id", "click_id")
_UNUSABLE_CLICK_IDS = frozenset({"", "0", "null", "none", "undefined"})
_MACRO = re.compile(r"[$]?[{].*[}]|\[.*\]|%.*%|__.*__", re.DOTALL)
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.]\d{1,9})?)?)"
    r"(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_HOUR_MS = 3_600_000
_SEPARATOR = "\x1f"

_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
Fields = Mapping[str, str]


@dataclass(slots=True)
class TouchReading:
    """What a touch request holds: one `Fields` per item, empty for items that are no object."""

    app_id: str
    items: list[Fields]
    faults: list[ItemFault]

    @property
    def device(self) -> str:
        """Return what names the device of the first touch, for the record's key."""
        first = self.items[0] if self.items else {}
        return next((first[name] for name in _DEVICE_FIELDS if first.get(name)), "")


def read_touches(body: bytes, limits: Limits, app_id: str = "") -> TouchReading:
    """Judge a JSON body: one touch, or `{"batch": [touch, ...]}`.

    `app_id` is the one named in the query string; a body may name it, once or per item.

    Raises:
        RequestRefused: The body cannot be read, or has too many items.
    """
    members = _members(body)
    is_batch = "batch" in members and bytes(members["batch"])[:1] == b"["
    if is_batch:
        if has_more_items_than(body, limits.max_items):
            raise RequestRefused(RejectionCode.SIZE_BATCH_COUNT, f"over {limits.max_items} items")
        texts = [bytes(raw) for raw in _decode_items(members["batch"])]
    else:
        texts = [body]
    app_id = app_id or (_value(members["app_id"]) if "app_id" in members else "")
    items: list[Fields] = []
    faults: list[ItemFault] = []
    for index, text in enumerate(texts):
        path = f"$.batch[{index}]" if is_batch else "$"
        fields: Fields = {}
        fault = _fault_of_text(text, index, path, limits)
        if fault is None:
            try:
                fields = {name: _value(raw) for name, raw in _decode_members(text).items()}
            except (msgspec.DecodeError, UnicodeDecodeError):
                fault = ItemFault(index, RejectionCode.PARSE_TEXT, path, "no readable object")
            else:
                app_id = app_id or fields.get("app_id", "")
                fault = judge_touch(fields, index, path, app_id)
        items.append(fields)
        if fault is not None:
            faults.append(fault)
    return TouchReading(app_id, items, faults)


def read_parameters(parameters: Sequence[tuple[str, str]]) -> TouchReading:
    """Judge the parameters of a query string or form: one touch; of a repeated name the last."""
    fields = dict(parameters)
    app_id = fields.get("app_id", "")
    fault = judge_touch(fields, 0, "$", app_id)
    return TouchReading(app_id, [fields], [fault] if fault else [])


def judge_touch(fields: Fields, index: int, path: str, app_id: str) -> ItemFault | None:
    """Return why one touch cannot be used, or None."""
    if fields.get("app_id", app_id) not in ("", app_id):
        return ItemFault(
            index, RejectionCode.SCHEMA_MIXED_APPS, f"{path}.app_id", "another app than the request"
        )
    if not fields.get("media_source", "").strip(" "):
        return ItemFault(
            index, RejectionCode.SCHEMA_MISSING_FIELD, f"{path}.media_source", "no media source"
        )
    return None


def usable_click_id(text: str) -> str:
    """Return the click id in its own case; '' for blanks, placeholders and unexpanded macros."""
    text = text.strip(" ")
    if text.lower() in _UNUSABLE_CLICK_IDS or _MACRO.fullmatch(text):
        return ""
    return text


def instant_ms(text: str) -> int | None:
    """Return an ISO 8601 or epoch text (13 digits ms, 10 digits s) as epoch ms; None otherwise."""
    text = text.strip(" ")
    if text.isascii() and text.isdigit():
        return {13: int(text), 10: int(text) * 1000}.get(len(text)) if len(text) < 20 else None
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    day, clock, _, zone = match.groups()
    clock = clock or "00:00:00"
    clock, _, fraction = clock.partition(".")
    if clock.count(":") == 1:
        clock += ":00"
    try:
        parsed = datetime.fromisoformat(f"{day}T{clock}{zone or 'Z'}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return int(parsed.timestamp()) * 1000 + int((fraction + "000")[:3])


def touch_id(
    fields: Fields,
    *,
    app_id: str,
    touch_type: TouchType,
    received_at_ms: int,
    request_id: str,
    index: int,
) -> str:
    """Return the id that is equal for copies of one touch.

    With a click id: app, type, media source, click id and the client's own `touch_at`, or the UTC
    hour of receipt without one. Else, with `touch_at`, all fields. Else nothing is a copy.
    """
    own_touch_at = instant_ms(fields.get("touch_at", ""))
    click_id = usable_click_id(fields.get("click_id", ""))
    if click_id:
        parts = ["click", app_id, touch_type, fields.get("media_source", "").strip(" "), click_id]
        parts.append(
            f"hour:{received_at_ms // _HOUR_MS * 3600}"
            if own_touch_at is None
            else str(own_touch_at)
        )
    elif own_touch_at is not None:
        parts = ["fields", app_id, touch_type, str(own_touch_at)]
        parts += [fields.get(name, "") for name in FIELDS]
        parts += [f"{name}={value}" for name, value in sorted(_params(fields).items())]
    else:
        parts = ["request", request_id, str(index)]
    return sha256(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _params(fields: Fields) -> dict[str, str]:
    found = {name: value for name, value in fields.items() if name not in _NAMED}
    try:
        nested = _decode_members(fields.get("params", "").encode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return found
    return found | {name: _value(raw) for name, raw in nested.items()}


def _fault_of_text(text: bytes, index: int, path: str, limits: Limits) -> ItemFault | None:
    if len(text) > limits.max_item_bytes:
        detail = f"{len(text)} bytes, at most {limits.max_item_bytes}"
        return ItemFault(index, RejectionCode.SIZE_ITEM, path, detail)
    if is_deeper_than(text, limits.max_depth):
        detail = f"nested deeper than {limits.max_depth}"
        return ItemFault(index, RejectionCode.SIZE_DEPTH, path, detail)
    if text[:1] != b"{" and text.lstrip()[:1] != b"{":
        return ItemFault(index, RejectionCode.SCHEMA_TYPE, path, "not an object")
    return None


def _members(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode_members(body)
    except msgspec.ValidationError as error:
        raise RequestRefused(RejectionCode.SCHEMA_BATCH, "the body is not an object") from error
    except msgspec.DecodeError as error:
        raise RequestRefused(RejectionCode.PARSE_JSON, str(error)) from error
    except UnicodeDecodeError as error:
        raise RequestRefused(RejectionCode.PARSE_JSON, "a key is not UTF-8") from error
    except RecursionError as error:
        raise RequestRefused(RejectionCode.PARSE_JSON, "nested too deeply to be read") from error


def _value(raw: msgspec.Raw) -> str:
    """Return a JSON value as text: strings without quotes, null as '', all else as it stands."""
    text = bytes(raw)
    if text[:1] == b'"':
        try:
            return _decode_text(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
    return "" if text == b"null" else text.decode("utf-8", "replace")
