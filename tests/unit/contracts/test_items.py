import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.contracts.items import (
    EVENT_TYPES,
    EventType,
    device_of,
    read_batch,
    read_single,
    write_key_in,
)
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused

LIMITS = Limits()
GOOD: dict[str, Any] = {"type": "track", "event": "Opened", "anonymousId": "a"}


def batch(*items: object, **more: object) -> bytes:
    return json.dumps({"batch": items, **more}).encode()


def faults_of(body: bytes, limits: Limits = LIMITS) -> list[tuple[int, str, str]]:
    return [(f.index, f.code.value, f.path) for f in read_batch(body, limits).faults]


@pytest.mark.parametrize(
    ("item", "code", "path"),
    [
        ({}, "schema.missing_field", "$.batch[1].type"),
        ({"type": "purchase", "userId": "u"}, "schema.unknown_event", "$.batch[1].type"),
        ({"type": 7, "userId": "u"}, "schema.type", "$.batch[1].type"),
        ({"type": "track", "userId": "u"}, "schema.missing_field", "$.batch[1].event"),
        ({"type": "track", "userId": "u", "event": ""}, "schema.missing_field", "$.batch[1].event"),
        ({"type": "track", "userId": "u", "event": 5}, "schema.type", "$.batch[1].event"),
        ({"type": "track", "event": "x"}, "identity.none", "$.batch[1]"),
        ({"type": "page", "userId": "", "anonymousId": None}, "identity.none", "$.batch[1]"),
        ({"type": "page", "userId": ["u"]}, "schema.type", "$.batch[1].userId"),
        ({"type": "group", "userId": "u"}, "schema.missing_field", "$.batch[1].groupId"),
        ({"type": "alias", "userId": "u"}, "schema.missing_field", "$.batch[1].previousId"),
        ({"type": "alias", "previousId": "p"}, "schema.missing_field", "$.batch[1].userId"),
        (None, "schema.type", "$.batch[1]"),
        ([GOOD], "schema.type", "$.batch[1]"),
        ("text", "schema.type", "$.batch[1]"),
    ],
)
def test_a_bad_item_is_refused_alone_with_its_reason(item: object, code: str, path: str) -> None:
    assert faults_of(batch(GOOD, item, GOOD)) == [(1, code, path)]


@pytest.mark.parametrize(
    "item",
    [
        GOOD,
        {"type": "identify", "userId": "u"},
        {"type": "page", "anonymousId": "a"},
        {"type": "screen", "anonymousId": "a", "name": None},
        {"type": "group", "userId": "u", "groupId": "g"},
        {"type": "alias", "userId": "u", "previousId": "p"},
        {"type": "page", "userId": 17},
        {"type": "page", "userId": 0},
        {"type": "track", "event": "x", "userId": "ü€😀", "unknown": {"kept": [None, 1.5]}},
    ],
)
def test_good_items_of_every_type_are_accepted(item: dict[str, Any]) -> None:
    reading = read_batch(batch(GOOD, item), LIMITS)
    assert (reading.item_count, reading.faults) == (2, [])
    if item["type"] != "track":
        kind: EventType = item["type"]
        rest = {name: value for name, value in item.items() if name != "type"}
        assert read_single(json.dumps(rest).encode(), kind, LIMITS).faults == []


def test_of_a_single_call_the_path_says_the_type_whatever_the_body_says() -> None:
    body = b'{"type":"nonsense","event":"x","userId":"u"}'
    assert read_single(body, "track", LIMITS).faults == []


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_single_call_without_anything_is_one_refused_item(event_type: EventType) -> None:
    reading = read_single(b"{}", event_type, LIMITS)
    assert reading.item_count == 1
    assert [fault.path.startswith("$.batch") for fault in reading.faults] == [False]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "parse.json"),
        (b"{", "parse.json"),
        (b"[]", "schema.batch"),
        (b"null", "schema.batch"),
        (b'"text"', "schema.batch"),
        (b"{}", "schema.batch"),
        (b'{"batch":{}}', "schema.batch"),
        (b'{"batch":null}', "schema.batch"),
        (b'{"batch":[]} trailing', "parse.json"),
        (b'\xef\xbb\xbf{"batch":[]}', "parse.json"),
        (b'{"batch":[NaN]}', "parse.json"),
        (b'{"batch":[Infinity]}', "parse.json"),
        (b'{"batch":[01]}', "parse.json"),
        (b'{"batch":[{"a":"\x01"}]}', "parse.json"),
        (b"{'batch':[]}", "parse.json"),
        (b'{"batch":[1,]}', "parse.json"),
        (b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "parse.json"),
        (b'{"batch":' + b'[{"a":' * 100_000, "parse.json"),
        (b'{"\xff":1}', "parse.json"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        read_batch(body, LIMITS)
    assert refusal.value.code == code


@pytest.mark.parametrize("body", [b"", b"[1]", b"7", b"{", b"{} x"])
def test_a_single_call_that_is_no_object_is_refused_whole(body: bytes) -> None:
    with pytest.raises(RequestRefused):
        read_single(body, "track", LIMITS)


def test_an_empty_batch_is_read_and_holds_nothing() -> None:
    assert read_batch(b'{"batch":[]}', LIMITS).item_count == 0


@pytest.mark.parametrize(
    "poison",
    [b'"properties":{"n":1e400}', b'"properties":{"t":"\xff\xfe"}', b'"other":"\xff"'],
)
def test_values_nobody_judges_pass_although_other_parsers_choke(poison: bytes) -> None:
    body = b'{"batch":[{"type":"track","event":"x","userId":"u",' + poison + b"}]}"
    reading = read_batch(body, LIMITS)
    assert (reading.item_count, reading.faults) == (1, [])


def test_broken_text_in_a_judged_field_costs_only_its_item() -> None:
    body = b'{"batch":[{"type":"page","userId":"\xff"},{"type":"page","userId":"u"}]}'
    assert faults_of(body) == [(0, "parse.text", "$.batch[0]")]


def test_an_id_that_no_number_can_hold_costs_only_its_item() -> None:
    body = b'{"batch":[{"type":"page","userId":1e400},{"type":"page","userId":"u"}]}'
    assert faults_of(body) == [(0, "schema.type", "$.batch[0].userId")]


def test_of_a_key_given_twice_the_last_counts() -> None:
    body = b'{"batch":[],"batch":[{"type":"page","type":"track","event":"x","userId":"u"}]}'
    assert read_batch(body, LIMITS).item_count == 1
    assert faults_of(body) == []


def sized(size: int) -> dict[str, Any]:
    item = {**GOOD, "pad": ""}
    item["pad"] = "x" * (size - len(json.dumps(item)))
    return item


@pytest.mark.parametrize(("extra", "expected"), [(-1, 0), (0, 0), (1, 1)])
def test_an_item_may_have_exactly_the_limit_of_bytes(extra: int, expected: int) -> None:
    body = batch(GOOD, sized(LIMITS.max_item_bytes + extra))
    assert len(faults_of(body)) == expected
    assert [code for _, code, _ in faults_of(body)] == ["size.item"] * expected


@pytest.mark.parametrize(("count", "is_refused"), [(2_499, False), (2_500, False), (2_501, True)])
def test_a_batch_may_have_exactly_the_limit_of_items(count: int, is_refused: bool) -> None:
    for items in ([GOOD] * count, [{}] * count):
        body = batch(*items)
        if is_refused:
            with pytest.raises(RequestRefused) as refusal:
                read_batch(body, LIMITS)
            assert refusal.value.code == RejectionCode.SIZE_BATCH_COUNT
        else:
            assert read_batch(body, LIMITS).item_count == count


def nested(depth: int) -> dict[str, Any]:
    """Return an item of that depth: the item itself is the first level."""
    value: Any = 1
    for _ in range(depth - 1):
        value = [value]
    return {**GOOD, "deep": value}


@pytest.mark.parametrize(("depth", "expected"), [(31, 0), (32, 0), (33, 1), (900, 1)])
@pytest.mark.parametrize("neighbours", [0, 200])
def test_an_item_may_nest_exactly_to_the_limit(depth: int, expected: int, neighbours: int) -> None:
    body = batch(*[GOOD] * neighbours, nested(depth))
    assert [code for _, code, _ in faults_of(body)] == ["size.depth"] * expected
    single = read_single(json.dumps(nested(depth)).encode(), "track", LIMITS)
    assert len(single.faults) == expected


def test_brackets_in_texts_are_no_depth() -> None:
    assert faults_of(batch({**GOOD, "text": '[{"' * 200})) == []


@pytest.mark.parametrize(
    ("item", "device"),
    [
        ({"context": {"device": {"id": "D", "advertisingId": "A"}}, "anonymousId": "a"}, "D"),
        ({"context": {"device": {"id": "", "advertisingId": "A"}}, "anonymousId": "a"}, "A"),
        ({"context": {"device": {"id": None}}, "anonymousId": "a"}, "a"),
        ({"context": {"device": "odd"}, "anonymousId": "a"}, ""),
        ({"anonymousId": "", "userId": 5}, "5"),
        ({"userId": {"odd": 1}}, ""),
        ({}, ""),
    ],
)
def test_the_record_key_names_the_device_of_the_first_item(
    item: dict[str, Any], device: str
) -> None:
    assert device_of(json.dumps(item).encode()) == device


def test_the_device_of_a_batch_is_that_of_its_first_item() -> None:
    first = {**GOOD, "context": {"device": {"id": "D"}}}
    assert read_batch(batch(first, GOOD), LIMITS).device == "D"
    assert read_batch(batch(first, {}), LIMITS).device == "D"
    assert read_batch(batch(first, *[sized(600)] * 100), LIMITS).device == "D"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"writeKey":"k","batch":[]}', "k"),
        (b'{"writeKey":null}', ""),
        (b'{"writeKey":5}', ""),
        (b"{", ""),
        (b'{"writeKey":"\xff"}', ""),
    ],
)
def test_a_write_key_in_the_body_is_found(body: bytes, key: str) -> None:
    assert write_key_in(body) == key


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
items = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*EVENT_TYPES, "other", None, 3]),
        "event": st.sampled_from(["x", "", None, 4]),
        "userId": st.sampled_from(["u", "", None, 0, 1.5, [], {}]),
        "anonymousId": st.sampled_from(["a", "", None, True]),
        "groupId": st.sampled_from(["g", "", None]),
        "previousId": st.sampled_from(["p", "", None]),
        "properties": json_values,
        "context": json_values,
    },
)


@given(st.lists(items | json_values, max_size=6))
def test_the_count_is_that_of_the_body_and_verdicts_do_not_depend_on_neighbours(
    given_items: list[Any],
) -> None:
    body = msgspec.json.encode({"batch": given_items})
    reading = read_batch(body, LIMITS)
    assert reading.item_count == len(given_items)
    alone = [
        (index, read_batch(msgspec.json.encode({"batch": [item]}), LIMITS).faults[0].code)
        for index, item in enumerate(given_items)
        if read_batch(msgspec.json.encode({"batch": [item]}), LIMITS).faults
    ]
    assert [(fault.index, fault.code) for fault in reading.faults] == alone


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_whatever_raise_anything_but_a_refusal(body: bytes) -> None:
    for read in (read_batch, lambda b, limits: read_single(b, "track", limits)):
        try:
            assert read(body, LIMITS).item_count >= 0
        except RequestRefused:
            continue
