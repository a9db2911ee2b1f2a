"""A write key is found in every spelling, and nothing else of a body is touched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.contracts.write_keys import MIN_BYTES_FOUND_ANYWHERE, WriteKey

KEY = "wk_Ab3-_xYz0123456789abc"
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
keys = st.text(PRINTABLE.replace(":", ""), min_size=8, max_size=40)
long_keys = st.text(PRINTABLE.replace(":", ""), min_size=MIN_BYTES_FOUND_ANYWHERE, max_size=40)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f'{{"writeKey":"{KEY}","n":1.0}}', '{"writeKey":"redacted","n":1.0}'),
        (f'{{"a":"{KEY}","b":{{"{KEY}":[1]}}}}', '{"a":"redacted","b":{"redacted":[1]}}'),
        (f'{{"url":"https://h/?k={KEY}&x=1"}}', '{"url":"https://h/?k=redacted&x=1"}'),
        (f'{{"a":"{escaped(KEY)}"}}', '{"a":"redacted"}'),
        (f'{{"a":"{escaped(KEY).upper().replace("U", "u")}"}}', '{"a":"redacted"}'),
        (f'{{"a":"\\u0077{KEY[1:]}\\u00fc"}}', '{"a":"redacted\\u00fc"}'),
        (f'{{"a":"\\n\\\\{KEY}\\""}}', '{"a":"\\n\\\\redacted\\""}'),
        # An escaped backslash before what looks like an escape: it is the text `\\u0077k…`.
        (f'{{"a":"\\\\u0077{KEY[1:]}"}}', f'{{"a":"\\\\u0077{KEY[1:]}"}}'),
        (f'{{"a":"{KEY.swapcase()}"}}', f'{{"a":"{KEY.swapcase()}"}}'),
        (f'{{"a":"{KEY[:-1]}"}}', f'{{"a":"{KEY[:-1]}"}}'),
        ("", ""),
    ],
)  # fmt: skip
def test_a_key_is_replaced_wherever_it_stands_in_whatever_spelling(
    body: str, expected: str
) -> None:
    assert WriteKey(KEY).redact(body.encode()) == expected.encode()


def test_a_body_without_the_key_is_the_same_object() -> None:
    for body in (b'{"a":"b"}', b'{"a":"\\u0077\\n \\u003c"}', b""):
        assert WriteKey(KEY).redact(body) is body


def test_a_key_of_digits_is_no_number() -> None:
    key = "123456789012345"
    body = b'{"a":123456789012345,"b":"123456789012345"}'
    assert WriteKey(key).redact(body) == b'{"a":123456789012345,"b":"redacted"}'


def test_a_short_key_is_taken_for_one_only_under_its_name() -> None:
    body = b'{"batch123":[{"type":"batch123","api_key" : "batch123"}],"writeKey":"b\\u0061tch123"}'
    expected = b'{"batch123":[{"type":"batch123","api_key" : "redacted"}],"writeKey":"redacted"}'
    assert WriteKey("batch123").redact(body) == expected


@given(long_keys, st.lists(st.text(max_size=6), max_size=6), st.booleans(), st.data())
def test_any_key_is_gone_and_everything_else_decodes_as_before(
    key: str, texts: list[str], ascii_only: bool, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(texts)))
    spelled = data.draw(st.sampled_from(["as is", "escaped", "slashes"]))
    document = {
        "list": [*texts[:place], "before" + key + "after", *texts[place:]],
        "n": [1.5, None],
    }
    body = json.dumps(document, ensure_ascii=ascii_only)
    if spelled == "escaped":
        body = body.replace(json.dumps(key)[1:-1], escaped(key))
    elif spelled == "slashes":
        body = body.replace("/", "\\/")
    found = json.loads(WriteKey(key).redact(body.encode("utf-8", "surrogatepass")))
    wanted = {**document, "list": [text.replace(key, "redacted") for text in document["list"]]}
    assert found == wanted


@given(keys, st.binary(max_size=60))
def test_bytes_of_any_kind_do_no_harm(key: str, body: bytes) -> None:
    WriteKey(key).redact(body)
    WriteKey(key).redact(body + key.encode() + body)
