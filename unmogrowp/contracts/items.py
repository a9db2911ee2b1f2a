"""Segment-shaped requests: found, counted and judged item by item, without touching their bytes.

One pass with typed structs judges a whole batch; only a batch in which something does not fit is
taken apart item by item. Values nobody judges here (properties, context, traits) are skipped, so
that a number no float can hold or broken UTF-8 in them costs at most its own item, later.
"""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from unmogrowp.contracts.limits import (
    Limits,
    has_more_items_than,
    is_deeper_than,
    may_be_deeper_than,
)
from unmogrowp.contracts.rejections import ItemFault, RejectionCode, RequestRefused

EventType = Literal["track", "identify", "page", "screen", "group", "alias"]
EVENT_TYPES: tuple[EventType, ...] = ("track", "identify", "page", "screen", "group", "alias")
# SDKs send numbers as ids now and then; landing reads them as their text.
Id = str | int | float | None

_TRACK = "track"
_ALIAS = "alias"
_GROUP = "group"


class _Call(msgspec.Struct, gc=False, rename="camel"):
    """The fields of an item that decide whether it can be used."""

    event: str | None = None
    user_id: Id = None
    anonymous_id: Id = None
    previous_id: Id = None
    group_id: Id = None


class _Item(_Call, gc=False, kw_only=True, rename="camel"):
    type: EventType


class _Batch(msgspec.Struct, gc=False, rename="camel"):
    batch: list[_Item]


class _RawBatch(msgspec.Struct, gc=False, rename="camel"):
    batch: list[msgspec.Raw]


class _Device(msgspec.Struct, gc=False, rename="camel"):
    id: Any = None
    advertising_id: Any = None


class _Context(msgspec.Struct, gc=False, rename="camel"):
    device: _Device | None = None


class _Who(msgspec.Struct, gc=False, rename="camel"):
    context: _Context | None = None
    anonymous_id: Any = None
    user_id: Any = None


class _Single(_Call, gc=False, rename="camel"):
    """A single call with what names its device, for one pass instead of two."""

    context: _Context | None = None


class _Keyed(msgspec.Struct, gc=False, rename="camel"):
    write_key: str | None = None


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_raw_batch = msgspec.json.Decoder(_RawBatch).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_call = msgspec.json.Decoder(_Call).decode
_decode_single = msgspec.json.Decoder(_Single).decode
_decode_who = msgspec.json.Decoder(_Who).decode
_decode_keyed = msgspec.json.Decoder(_Keyed).decode


@dataclass(slots=True)
class Reading:
    """What a request holds: items in its body, which of them are refused, whose they are."""

    item_count: int
    faults: list[ItemFault]
    device: str


def read_batch(body: bytes, limits: Limits) -> Reading:
    """Judge the items of a `/v1/batch` body.

    Raises:
        RequestRefused: The body is no JSON object with an array `batch`, or has too many items.
    """
    try:
        items = _decode_batch(body).batch
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_item_by_item(body, limits)
    if len(items) > limits.max_items:
        raise RequestRefused(
            RejectionCode.SIZE_BATCH_COUNT, f"{len(items)} items, at most {limits.max_items}"
        )
    for item in items:
        if item.anonymous_id or item.user_id:
            kind = item.type
            if kind == _TRACK:
                if item.event:
                    continue
            elif (kind != _ALIAS or (item.previous_id and item.user_id)) and (
                kind != _GROUP or item.group_id
            ):
                continue
        return _read_item_by_item(body, limits)
    if not items:
        return Reading(0, [], "")
    raws = _decode_raw_batch(body).batch
    # A body that is smaller than an item may be needs no further look at sizes.
    if len(body) > limits.max_item_bytes and max(map(len, raws)) > limits.max_item_bytes:
        return _read_item_by_item(body, limits)
    if may_be_deeper_than(raws, limits.max_depth):
        return _read_item_by_item(body, limits)
    return Reading(len(items), [], device_of(raws[0]))


def read_single(body: bytes, event_type: EventType, limits: Limits) -> Reading:
    """Judge the body of a single call, which is the item itself; the path says its type.

    Raises:
        RequestRefused: The body is no JSON object.
    """
    if len(body) <= limits.max_item_bytes and not may_be_deeper_than((body,), limits.max_depth):
        try:
            whole = _decode_single(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # said in detail below
        else:
            if _fault_of_call(whole, event_type) is None:
                return Reading(1, [], _device_of(whole))
    _decode_members(body)
    fault = judge_item(body, 0, event_type, limits)
    return Reading(1, [fault] if fault else [], device_of(body))


def _read_item_by_item(body: bytes, limits: Limits) -> Reading:
    members = _decode_members(body)
    if "batch" not in members:
        raise RequestRefused(RejectionCode.SCHEMA_BATCH, "the body has no `batch`")
    if has_more_items_than(body, limits.max_items):
        raise RequestRefused(RejectionCode.SIZE_BATCH_COUNT, f"more than {limits.max_items} items")
    try:
        raws = _decode_raw_batch(body).batch
    except msgspec.ValidationError as error:
        raise RequestRefused(RejectionCode.SCHEMA_BATCH, "`batch` is not an array") from error
    faults = []
    for index, raw in enumerate(raws):
        fault = judge_item(bytes(raw), index, None, limits)
        if fault is not None:
            faults.append(fault)
    return Reading(len(raws), faults, device_of(bytes(raws[0])) if raws else "")


def _decode_members(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode_object(body)
    except msgspec.ValidationError as error:
        raise RequestRefused(RejectionCode.SCHEMA_BATCH, "the body is not an object") from error
    except msgspec.DecodeError as error:
        raise RequestRefused(RejectionCode.PARSE_JSON, str(error)) from error
    except UnicodeDecodeError as error:
        raise RequestRefused(RejectionCode.PARSE_JSON, "a key is not UTF-8") from error
    except RecursionError as error:
        raise RequestRefused(RejectionCode.PARSE_JSON, "nested too deeply to be read") from error


def judge_item(
    text: bytes, index: int, event_type: EventType | None, limits: Limits
) -> ItemFault | None:
    """Return why one item cannot be used, or None; `event_type` is given for single calls."""
    path = "$" if event_type else f"$.batch[{index}]"

    def fault(code: RejectionCode, detail: str, field: str = "") -> ItemFault:
        return ItemFault(index, code, path + (f".{field}" if field else ""), detail)

    if len(text) > limits.max_item_bytes:
        return fault(RejectionCode.SIZE_ITEM, f"{len(text)} bytes, at most {limits.max_item_bytes}")
    if is_deeper_than(text, limits.max_depth):
        return fault(RejectionCode.SIZE_DEPTH, f"nested deeper than {limits.max_depth}")
    try:
        call: _Call = _decode_call(text) if event_type else _decode_item(text)
    except UnicodeDecodeError:
        return fault(RejectionCode.PARSE_TEXT, "a field that must be read is not UTF-8")
    except msgspec.DecodeError as error:
        return _explain(str(error), fault)
    found = _fault_of_call(call, event_type or call.type)  # type: ignore[attr-defined]
    return fault(*found) if found else None


def _fault_of_call(call: _Call, kind: EventType) -> tuple[RejectionCode, str, str] | None:
    """Return code, detail and field of what a call of this type lacks, or None."""
    missing = RejectionCode.SCHEMA_MISSING_FIELD
    if kind == _TRACK and not call.event:
        return missing, "track needs `event`", "event"
    if kind == _GROUP and not _text(call.group_id):
        return missing, "group needs `groupId`", "groupId"
    if kind == _ALIAS:
        for field, value in (("previousId", call.previous_id), ("userId", call.user_id)):
            if not _text(value):
                return missing, f"alias needs `{field}`", field
    if not (_text(call.anonymous_id) or _text(call.user_id)):
        return RejectionCode.IDENTITY_NONE, "neither `anonymousId` nor `userId`", ""
    return None


def _explain(message: str, fault: Any) -> ItemFault:
    reason, _, where = message.partition(" - at `$")
    field = where.rstrip("`").lstrip(".")
    if "missing required field" in message:
        found: ItemFault = fault(RejectionCode.SCHEMA_MISSING_FIELD, "no `type`", "type")
    elif "Invalid enum value" in message:
        found = fault(
            RejectionCode.SCHEMA_UNKNOWN_EVENT,
            "`type` is none of " + ", ".join(EVENT_TYPES),
            "type",
        )
    else:
        found = fault(RejectionCode.SCHEMA_TYPE, reason, field)
    return found


def device_of(text: bytes | msgspec.Raw) -> str:
    """Return what names the device of an item, for the record's key; '' where nothing does.

    Records of one device share a partition; landing does not rely on it.
    """
    try:
        return _device_of(_decode_who(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _device_of(who: _Who | _Single) -> str:
    device = who.context.device if who.context else None
    named = (_text(device.id) or _text(device.advertising_id)) if device else ""
    return named or _text(who.anonymous_id) or _text(who.user_id)


def write_key_in(body: bytes) -> str:
    """Return the `writeKey` of a body, or ''; an unreadable body has none."""
    try:
        return _decode_keyed(body).write_key or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | dict | list):
        return ""
    return str(value)
