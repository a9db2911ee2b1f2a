"""Clicks and impressions over HTTP, and what becomes of addresses."""

import json
from base64 import b64encode
from urllib.parse import urlencode

import pytest

from tests.fakes.collector import NOON, FakeCollector, headers_of
from unmogrowp.contracts.addresses import redact_text
from unmogrowp.contracts.topics import Topic
from unmogrowp.contracts.touches import touch_id

pytestmark = pytest.mark.usefixtures("way")

TOUCH = {"app_id": "app", "media_source": "m", "click_id": "C", "creative": "blau ü"}
KEY = {"Authorization": "Basic " + b64encode(b"wk:").decode()}
KEY_OPEN = {"Authorization": "Basic " + b64encode(b"wk-open:").decode()}
R4 = redact_text("203.0.113.42", bytes(32))


def expected_id(touch_type: str) -> str:
    return touch_id(
        TOUCH,
        app_id="app",
        touch_type="click" if touch_type == "click" else "impression",
        received_at_ms=NOON,
        request_id="",
        index=0,
    )


@pytest.mark.parametrize("touch_type", ["click", "impression"])
@pytest.mark.parametrize("form", ["link", "link and form", "form", "json"])
def test_a_touch_is_the_same_as_link_form_and_json(touch_type: str, form: str) -> None:
    collector = FakeCollector()
    path = f"/v1/{touch_type}"
    if form == "link":
        answer = collector.call("GET", f"{path}?{urlencode(TOUCH)}")
    elif form == "link and form":
        rest = {name: value for name, value in TOUCH.items() if name != "app_id"}
        answer = collector.call("POST", f"{path}?app_id=app", urlencode(rest).encode())
    elif form == "form":
        answer = collector.call("POST", path, urlencode(TOUCH).encode())
    else:
        answer = collector.call("POST", path, json.dumps(TOUCH).encode())
    assert answer.status == 200
    assert answer.json() == {"success": True, "touch_id": expected_id(touch_type)}
    assert (answer.headers["x-accepted"], answer.headers["x-rejected"]) == ("1", "0")
    (record,) = collector.records(Topic.TOUCHES)
    assert json.loads(record.value) == TOUCH
    assert record.key == b"app:C"
    headers = headers_of(record)
    assert (headers["dialect"], headers["path"], headers["item_count"]) == ("touch", path, "1")
    assert ("original" in headers) == (form != "json")


def test_a_batch_of_touches_is_answered_with_all_ids() -> None:
    collector = FakeCollector()
    body = json.dumps({"app_id": "app", "batch": [TOUCH, {"media_source": ""}, TOUCH]}).encode()
    answer = collector.call("POST", "/v1/click", body)
    assert len(answer.json()["touch_ids"]) == 3
    assert answer.json()["touch_id"] == expected_id("click")
    (record,) = collector.records(Topic.TOUCHES)
    assert record.value == body
    assert headers_of(record)["rejected"] == "1:schema.missing_field"


def test_strict_touches_get_verdicts() -> None:
    answer = FakeCollector().call("GET", "/v1/click?app_id=app", b"", {"X-Strict": "true"})
    assert (answer.status, answer.json()["rejected"][0]["path"]) == (422, "$.media_source")


@pytest.mark.parametrize("query", ["", "?media_source=m", "?app_id=stranger&media_source=m"])
def test_a_touch_of_no_known_app_is_401_and_kept(query: str) -> None:
    collector = FakeCollector()
    answer = collector.call("GET", f"/v1/click{query}")
    assert answer.body == collector.call("POST", "/v1/track", b"{}").body
    assert answer.status == 401
    assert collector.records(Topic.DEAD_LETTERS)[0].value == query[1:].encode()


@pytest.mark.parametrize(
    ("method", "target", "body", "code"),
    [
        ("GET", "/v1/click?app_id=app&x=%ff", b"", "parse.form"),
        ("GET", "/v1/click?" + "a=1&" * 501, b"", "parse.form"),
        ("POST", "/v1/click?app_id=app", b"\xff", "parse.form"),
        ("POST", "/v1/click?app_id=app", b"{", "parse.json"),
        ("POST", "/v1/click?app_id=app", b"[1]", "schema.batch"),
    ],
)
def test_a_touch_that_cannot_be_read_is_400(
    method: str, target: str, body: bytes, code: str
) -> None:
    answer = FakeCollector().call(method, target, body)
    assert (answer.status, answer.json()["error"]) == (400, code)


def test_addresses_in_touches_are_replaced() -> None:
    collector = FakeCollector()
    collector.call("GET", "/v1/click?app_id=app&media_source=m&ip=203.0.113.42")
    collector.call("POST", "/v1/click", b'{"app_id":"app","media_source":"m","ip":"203.0.113.42"}')
    for record in collector.records(Topic.TOUCHES):
        assert json.loads(record.value)["ip"] == R4
        assert headers_of(record)["redacted"] == "1"
        assert b"203.0.113.42" not in b"".join(value for _, value in record.headers)


def test_addresses_in_events_are_replaced_and_the_rest_is_untouched() -> None:
    collector = FakeCollector()
    body = b'{"batch":[ {"type":"page","userId":"u","n":1.0,"context":{"ip":"203.0.113.42"}}]}'
    collector.call("POST", "/v1/batch", body, KEY)
    (record,) = collector.records()
    assert record.value == body.replace(b"203.0.113.42", R4.encode())
    assert headers_of(record)["redacted"] == "1"


def test_an_app_that_opted_in_keeps_its_addresses() -> None:
    collector = FakeCollector()
    body = b'{"type":"page","userId":"u","context":{"ip":"203.0.113.42"}}'
    collector.call("POST", "/v1/page", body, KEY_OPEN)
    collector.call("GET", "/v1/click?app_id=open&media_source=m&ip=203.0.113.42")
    collector.call("POST", "/v1/click", b'{"app_id":"open","media_source":"m","ip":"203.0.113.42"}')
    assert collector.records()[0].value == body
    for record in collector.records(Topic.TOUCHES):
        assert json.loads(record.value)["ip"] == "203.0.113.42"


@pytest.mark.parametrize("headers", [KEY, {}])
def test_addresses_in_dead_letters_are_replaced_too(headers: dict[str, str]) -> None:
    collector = FakeCollector()
    collector.call("POST", "/v1/batch", b'{"ip":"203.0.113.42",', headers)
    (record,) = collector.records(Topic.DEAD_LETTERS)
    assert b"203.0.113.42" not in record.value
    assert b'"ip":"203.0.113.0/24#' in record.value


def test_the_address_of_the_connection_is_that_before_trusted_proxies() -> None:
    collector = FakeCollector()
    forwarded = {**KEY, "X-Forwarded-For": "6.6.6.6, 203.0.113.42"}
    body = b'{"type":"page","userId":"u"}'
    collector.call("POST", "/v1/page", body, forwarded, peer="127.0.0.1")
    collector.call("POST", "/v1/page", body, forwarded, peer="198.51.100.7")
    prefixes = [headers_of(record)["ip_prefix"] for record in collector.records()]
    assert prefixes == ["203.0.113.0/24", "198.51.100.0/24"]
    assert headers_of(collector.records()[0])["ip_hash"] == R4.split("#")[1]


def test_half_characters_are_mended_and_the_original_is_kept() -> None:
    collector = FakeCollector()
    body = rb'{"batch":[{"type":"page","userId":"u","name":"cut \ud83d"}]}'
    assert collector.call("POST", "/v1/batch", body, KEY).status == 200
    (record,) = collector.records()
    assert record.value == body.replace(rb"\ud83d", rb"\ufffd")
    assert dict(record.headers)["original"] == body
