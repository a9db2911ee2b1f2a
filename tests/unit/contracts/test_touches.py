import json
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.rejections import RequestRefused
from unmogrowp.contracts.touches import (
    Fields,
    instant_ms,
    read_parameters,
    read_touches,
    touch_id,
    usable_click_id,
)

LIMITS = Limits()
NOON = 1_790_251_200_000


def id_of(fields: Fields, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "app_id": "app",
        "touch_type": "click",
        "received_at_ms": NOON,
        "request_id": "r",
        "index": 0,
    }
    return touch_id(fields, **(arguments | changes))


def body(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "text", ["", " ", "0", "null", "NONE", "undefined", "{click_id}", "${gclid}", "[cid]", "%cid%",
             "__CLICKID__"],
)  # fmt: skip
def test_placeholders_are_no_click_ids(text: str) -> None:
    assert usable_click_id(text) == ""


@pytest.mark.parametrize(("text", "expected"), [(" AbC ", "AbC"), ("a{b}", "a{b}"), ("00", "00")])
def test_click_ids_keep_their_case(text: str, expected: str) -> None:
    assert usable_click_id(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1790251200123", 1_790_251_200_123),
        ("1790251200", 1_790_251_200_000),
        ("2026-09-24T12:00:00Z", NOON),
        ("2026-09-24 12:00:00.5", NOON + 500),
        ("2026-09-24T12:00", NOON),
        ("2026-09-24T14:00:00.123456789+02:00", NOON + 123),
        ("2026-09-24T14:00:00+0200", NOON),
        ("2026-09-24", NOON - 12 * 3_600_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("", None),
        ("yesterday", None),
        ("17902512001", None),
        ("2026-13-01", None),
        ("2026-09-24T25:00:00Z", None),
        ("٢٠٢٦-09-24", None),
    ],
)
def test_instants_are_iso_or_epoch_and_nothing_else(text: str, expected: int | None) -> None:
    assert instant_ms(text) == expected


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_iso_texts_of_any_instant_are_read_to_the_millisecond(instant: datetime) -> None:
    text = instant.isoformat(timespec="milliseconds")
    expected = round((instant - datetime(1970, 1, 1)).total_seconds() * 1000 - 0.5)  # noqa: DTZ001
    assert abs((instant_ms(text) or 0) - expected) <= 1


def test_copies_of_a_click_are_the_same_within_an_hour_of_receipt() -> None:
    click = {"media_source": "m", "click_id": "C"}
    assert id_of(click) == id_of(click, received_at_ms=NOON + 3_599_999, request_id="s", index=4)
    assert id_of(click) != id_of(click, received_at_ms=NOON + 3_600_000)
    text = "\x1f".join(["click", "app", "click", "m", "C", f"hour:{NOON // 1000}"])
    assert id_of(click) == sha256(text.encode()).hexdigest()[:32]


def test_impression_and_click_with_one_click_id_are_two_touches() -> None:
    click = {"media_source": "m", "click_id": "C"}
    assert id_of(click) != id_of(click, touch_type="impression")


def test_with_a_touch_time_of_its_own_a_click_is_the_same_whenever_received() -> None:
    click = {"media_source": "m", "click_id": "C", "touch_at": "2026-09-24T12:00:00Z"}
    assert id_of(click) == id_of(click, received_at_ms=NOON + 10**9)
    assert id_of(click) == id_of({**click, "touch_at": str(NOON)})


def test_without_click_id_all_fields_and_the_touch_time_make_the_id() -> None:
    touch = {"media_source": "m", "touch_at": str(NOON), "creative": "blue"}
    assert id_of(touch) == id_of(touch, request_id="s", index=3)
    assert id_of(touch) == id_of(
        {"media_source": "m", "touch_at": str(NOON), "params": '{"creative":"blue"}'}
    )
    assert id_of(touch) != id_of({**touch, "creative": "red"})
    assert id_of(touch) != id_of({**touch, "campaign": "c"})


def test_without_click_id_and_touch_time_nothing_is_a_copy() -> None:
    touch = {"media_source": "m"}
    assert id_of(touch) != id_of(touch, request_id="s")
    assert id_of(touch) != id_of(touch, index=1)


@pytest.mark.parametrize("params", ["", "[1]", "not json", "{"])
def test_params_that_are_no_object_are_no_params(params: str) -> None:
    touch = {"media_source": "m", "touch_at": str(NOON)}
    assert id_of(touch) == id_of({**touch, "params": params})


def test_one_touch_and_a_batch_of_touches_are_read() -> None:
    touch = {"app_id": "app", "media_source": "m", "cost_value": 0.12, "flag": True, "none": None}
    one = read_touches(body(touch), LIMITS)
    assert (one.app_id, one.faults) == ("app", [])
    assert one.items == [
        {"app_id": "app", "media_source": "m", "cost_value": "0.12", "flag": "true", "none": ""}
    ]
    many = read_touches(body({"app_id": "app", "batch": [{"media_source": "m"}] * 3}), LIMITS)
    assert (many.app_id, len(many.items), many.faults) == ("app", 3, [])
    first = read_touches(body({"batch": [touch, {"media_source": "m"}]}), LIMITS)
    assert first.app_id == "app"


@pytest.mark.parametrize(
    ("touch", "code"),
    [
        ({}, "schema.missing_field"),
        ({"media_source": " "}, "schema.missing_field"),
        ({"media_source": "m", "app_id": "other"}, "schema.mixed_apps"),
        (7, "schema.type"),
        ({"media_source": "m", "pad": "x" * 33_000}, "size.item"),
        ({"media_source": "m", "deep": json.loads("[" * 40 + "]" * 40)}, "size.depth"),
    ],
)
def test_a_bad_touch_is_refused_alone(touch: object, code: str) -> None:
    good = {"media_source": "m"}
    reading = read_touches(body({"app_id": "app", "batch": [good, touch, good]}), LIMITS)
    assert [(fault.index, fault.code.value) for fault in reading.faults] == [(1, code)]
    assert len(reading.items) == 3


def test_a_touch_with_a_broken_name_is_refused_alone() -> None:
    reading = read_touches(b'{"batch":[{"media_source":"m"},{"\xff":1}]}', LIMITS)
    assert [fault.code.value for fault in reading.faults] == ["parse.text"]


def test_broken_text_in_a_value_is_an_empty_value() -> None:
    reading = read_touches(b'{"media_source":"m","campaign":"\xff"}', LIMITS)
    assert reading.items[0]["campaign"] == ""


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"{", b'{"\xff":1}', b'{"a":' * 5_000, body({"batch": [1] * 2_501})]
)
def test_a_body_that_cannot_be_read_is_refused_whole(broken: bytes) -> None:
    with pytest.raises(RequestRefused):
        read_touches(broken, LIMITS)


def test_of_a_parameter_given_twice_the_last_counts() -> None:
    reading = read_parameters([("app_id", "app"), ("media_source", "a"), ("media_source", "b")])
    assert (reading.app_id, reading.items[0]["media_source"]) == ("app", "b")
    assert [fault.code.value for fault in read_parameters([]).faults] == ["schema.missing_field"]


@pytest.mark.parametrize(
    ("fields", "device"),
    [({"idfv": "V", "idfa": "A"}, "V"), ({"click_id": "C"}, "C"), ({}, "")],
)
def test_the_record_key_names_the_device_or_the_click(fields: Fields, device: str) -> None:
    assert read_parameters(list(fields.items())).device == device


def test_a_request_without_items_has_no_device() -> None:
    assert read_touches(b'{"batch":[]}', LIMITS).device == ""
