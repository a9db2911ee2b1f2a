"""The collector's JSON parser and the engine's differ; whatever they differ on is accounted for.

Bodies are made of pieces that parsers are known to disagree on. Whatever the collector's parser
lets through has to land: each item in exactly one place, the readable ones as events.
"""

import json

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fakes.landing import House
from tests.fakes.requests import NOON, headers, send, track
from unmogrowp.contracts.topics import Topic
from unmogrowp.landing.poison import split_body

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.one_of(
    st.sampled_from(
        [
            b"1e400",
            b"-1e400",
            b"1E-400",
            b"1.0",
            b"-0",
            b"18446744073709551616",
            b"123456789012345678901234567890.5",
            b'"\\ud800"',
            b'"\\udc00\\ud800"',
            b'"\\u0000"',
            b'"\\/"',
            b'"\xff"',
            b'"\xc3\x28"',
            b'"\xed\xa0\x80"',
            b'"\xf4\x90\x80\x80"',
            b'"caf\xc3\xa9 \xf0\x9f\x98\x80"',
            b"{}",
            b"[]",
            b"null",
            b'{"a":1,"a":2}',
            b"[" * 40 + b"]" * 40,
            b" \t\r\n 1 ",
        ]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: json.dumps(x).encode()),
    st.integers().map(lambda x: str(x).encode()),
    _TEXT.map(lambda x: json.dumps(x, ensure_ascii=False).encode("utf-8", "replace")),
    _TEXT.map(lambda x: json.dumps(x).encode()),
)
_KEYS = st.one_of(
    st.sampled_from([b'"n"', b'"\\u006e"', b'"\xff"', b'""', b'"messageId"', b'"context"']),
    st.text(max_size=5).map(lambda x: json.dumps(x).encode()),
)
_ITEMS = st.one_of(
    st.lists(st.tuples(_KEYS, _VALUES), max_size=3).map(
        lambda pairs: (
            b'{"type":"track"' + b"".join(b"," + key + b":" + value for key, value in pairs) + b"}"
        )
    ),
    st.lists(st.tuples(_KEYS, _VALUES), max_size=2).map(
        lambda pairs: b"{" + b",".join(key + b":" + value for key, value in pairs) + b"}"
    ),
    _VALUES,
)
_BODIES = st.tuples(
    st.lists(_ITEMS, min_size=1, max_size=4),
    st.one_of(st.just(b""), _VALUES.map(lambda value: b',"context":' + value)),
    st.booleans(),
).map(
    lambda parts: (
        b'{"batch":['
        + (json.dumps(track("good")).encode() + b"," if parts[2] else b"")
        + b",".join(parts[0])
        + b"]"
        + parts[1]
        + b"}"
    )
)


def _accepted_by_collector(body: bytes) -> int:
    """Return the number of items the collector's parser finds; -1 where it refuses the body."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return len(msgspec.json.decode(fields["batch"], type=list[msgspec.Raw]))
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, KeyError):
        return -1


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_BODIES, min_size=25, max_size=40))
@example(
    [b'{"batch":[{"type":"track","messageId":"a"}],"batch":[{"type":"track"},{"type":"page"}]}']
)
@example([b'{"batch":[null]}', b'{"batch":[{}]}', b'{"batch":[[]]}', b'{"batch":[""]}'])
def test_whatever_the_collector_lets_through_lands_item_by_item(bodies: list[bytes]) -> None:
    house = House()
    expected = 0
    for number, body in enumerate(bodies):
        count = _accepted_by_collector(body)
        if count < 0:
            continue
        expected += count
        send(
            house.stream,
            Topic.EVENTS,
            body,
            headers(
                path="/v1/batch",
                received_at=NOON + number,
                item_count=count,
                request_id=f"r{number}",
            ),
        )
    house.land()
    places = house.warehouse.rows(
        "SELECT topic_id, partition, offset, frame_index, item_index FROM clean.events"
        " UNION ALL SELECT topic_id, partition, offset, frame_index, item_index FROM clean.failed"
        " UNION ALL SELECT topic_id, partition, offset, frame_index, item_index"
        " FROM clean.duplicates"
    )
    assert len(places) == expected
    assert len(set(places)) == expected
    good = sum(
        1 for body in bodies if _accepted_by_collector(body) > 0 and b'"messageId": "good"' in body
    )
    if good:
        assert house.ids().count("good") == 1
        copies = house.warehouse.scalar(
            "SELECT count() FROM clean.duplicates WHERE message_id = 'good'"
        )
        assert copies == good - 1


def test_items_are_cut_out_as_the_bytes_they_came_as() -> None:
    body = b'{"sentAt":"x","batch":[ {"a":1.0} , {"b":"\xff"},1e400 ],"context":{"c":1}}'
    items, rest = split_body(body, "/v1/batch", 3)
    assert items == [b'{"a":1.0}', b'{"b":"\xff"}', b"1e400"]
    assert rest == {"sentAt": b'"x"', "context": b'{"c":1}'}


def test_a_single_call_is_its_own_item() -> None:
    assert split_body(b'{"event":1e400}', "/v1/track", 1) == ([b'{"event":1e400}'], {})


def test_a_body_that_is_no_json_has_no_items() -> None:
    assert split_body(b"{", "/v1/batch", 2) == ([], {})
