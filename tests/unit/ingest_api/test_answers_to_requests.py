"""Every row of the table of answers (docs/contracts.md, 1), called as an ASGI server calls."""

import asyncio
import gzip
import json
from base64 import b64encode
from typing import Any

import pytest

from ingest_api.options import CollectorOptions
from tests.fakes.collector import NOON, SECRET, Answer, FakeCollector, headers_of, snapshot
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.receipts import Receipt, read_receipt
from unmogrowp.contracts.topics import Topic
from unmogrowp.stream.memory import MemoryStream

pytestmark = pytest.mark.usefixtures("way")

EVENT = {"type": "track", "event": "Opened", "anonymousId": "a", "messageId": "m"}
KEY = {"Authorization": "Basic " + b64encode(b"wk:").decode()}
SMALL = Limits(max_wire_bytes=2_000, max_unpacked_bytes=4_000, max_items=5, max_item_bytes=1_000)


def batch(*items: object, **more: object) -> bytes:
    return json.dumps({"batch": items, **more}).encode()


def small() -> FakeCollector:
    return FakeCollector(options=CollectorOptions(limits=SMALL, min_free_disk_bytes=0))


def counts(answer: Answer) -> tuple[str, str]:
    return answer.headers["x-accepted"], answer.headers["x-rejected"]


def test_a_good_batch_is_stored_as_it_came_and_answered_in_segments_words() -> None:
    collector = FakeCollector()
    body = b'{"batch": [ {"type":"track","event":"x","userId":"u","n":1.0} ], "sentAt":"s"}'
    answer = collector.call("POST", "/v1/batch", body, {**KEY, "User-Agent": "sdk/1"})
    assert (answer.status, answer.body) == (200, b'{"success": true}')
    assert answer.headers["content-type"] == "application/json"
    assert counts(answer) == ("1", "0")
    (record,) = collector.records()
    assert record.value == body
    assert record.key == b"app:u"
    headers = headers_of(record)
    assert len(headers.pop("ip_hash")) == 32
    assert headers.pop("request_id")
    assert headers == {
        "v": "1", "dialect": "segment", "path": "/v1/batch", "app_id": "app", "key_id": "key",
        "received_at": str(NOON), "item_count": "1", "encoding": "identity",
        "wire_bytes": str(len(body)), "ip_prefix": "198.51.100.0/24", "user_agent": "sdk/1",
    }  # fmt: skip
    assert read_receipt(answer.headers["x-receipt-id"], SECRET) == Receipt(
        record.topic, record.topic_id, record.partition, record.offset
    )


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/v1/t", "/v1/track"), ("/v1/track", "/v1/track"), ("/v1/i", "/v1/identify"),
        ("/v1/p", "/v1/page"), ("/v1/s", "/v1/screen"), ("/v1/g", "/v1/group"),
        ("/v1/a", "/v1/alias"), ("/v1/b", "/v1/batch"), ("/v1/import", "/v1/batch"),
        ("/v1/batch/", "/v1/batch"),
    ],
)  # fmt: skip
def test_short_forms_are_the_long_ones(path: str, canonical: str) -> None:
    collector = FakeCollector()
    item = {"event": "x", "userId": "u", "groupId": "g", "previousId": "p", "type": "track"}
    body = batch(item) if canonical == "/v1/batch" else json.dumps(item).encode()
    answer = collector.call("POST", path, body, KEY)
    assert (answer.status, counts(answer)) == (200, ("1", "0"))
    assert headers_of(collector.records()[0])["path"] == canonical


@pytest.mark.parametrize("headers", [KEY, {"Authorization": "Bearer t"}, {}])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain",
                                          "application/x-www-form-urlencoded", ""])  # fmt: skip
def test_each_key_form_is_taken_whatever_the_content_type(
    headers: dict[str, str], content_type: str
) -> None:
    body = batch(EVENT) if headers == KEY else batch(EVENT, writeKey="wk")
    answer = FakeCollector().call(
        "POST", "/v1/batch", body, {**headers, "Content-Type": content_type}
    )
    assert answer.status == 200


def test_gzip_is_unpacked_and_what_came_is_counted() -> None:
    collector = FakeCollector()
    wire = gzip.compress(batch(EVENT, EVENT))
    answer = collector.call("POST", "/v1/batch", wire, {**KEY, "Content-Encoding": "gzip"})
    assert counts(answer) == ("2", "0")
    headers = headers_of(collector.records()[0])
    assert collector.records()[0].value == batch(EVENT, EVENT)
    assert (headers["encoding"], headers["wire_bytes"]) == ("gzip", str(len(wire)))


def test_bad_items_are_named_in_a_header_and_stay_in_the_body() -> None:
    collector = FakeCollector()
    body = batch(EVENT, {"type": "track"}, {"type": "page"})
    answer = collector.call("POST", "/v1/batch", body, KEY)
    assert (answer.status, answer.body) == (200, b'{"success": true}')
    assert counts(answer) == ("1", "2")
    (record,) = collector.records()
    assert record.value == body
    assert headers_of(record)["rejected"] == "1:schema.missing_field,2:identity.none"
    assert headers_of(record)["item_count"] == "3"


STRICT = {**KEY, "X-Strict": "1"}
STRICT_KEY = {"Authorization": "Basic " + b64encode(b"wk-strict:").decode()}


@pytest.mark.parametrize("headers", [STRICT, STRICT_KEY])
def test_strict_clients_get_a_verdict_per_item(headers: dict[str, str]) -> None:
    collector = FakeCollector()
    some = collector.call("POST", "/v1/batch", batch(EVENT, {"type": "page"}), headers)
    assert (some.status, counts(some)) == (200, ("1", "1"))
    assert some.json() == {
        "accepted": 1,
        "rejected": [
            {
                "index": 1,
                "code": "identity.none",
                "path": "$.batch[1]",
                "detail": "neither `anonymousId` nor `userId`",
            }
        ],
        "receipt_id": some.headers["x-receipt-id"],
    }
    none = collector.call("POST", "/v1/track", b'{"event":"x"}', headers)
    assert (none.status, none.json()["accepted"]) == (422, 0)
    assert len(collector.records()) == 2, "what was refused is kept all the same"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/v1/batch", b"{", KEY, 400, "parse.json"),
        ("/v1/batch", b"", KEY, 400, "parse.json"),
        ("/v1/batch", batch(EVENT) + b"x", KEY, 400, "parse.json"),
        ("/v1/batch", b"\xef\xbb\xbf" + batch(EVENT), KEY, 400, "parse.json"),
        ("/v1/batch", b'{"batch":[{"type":"page","userId":"u","n":NaN}]}', KEY, 400, "parse.json"),
        ("/v1/batch", b'{"batch":' + b"[" * 3_000, KEY, 400, "parse.json"),
        ("/v1/batch", b"{}", KEY, 400, "schema.batch"),
        ("/v1/track", b"[]", KEY, 400, "schema.batch"),
        ("/v1/batch", b"no", {**KEY, "Content-Encoding": "gzip"}, 400, "parse.gzip"),
        ("/v1/batch", batch(EVENT), {**KEY, "Content-Encoding": "br"}, 400, "parse.encoding"),
        ("/v1/batch", b"{", {}, 400, "parse.json"),
    ],
)
def test_what_cannot_be_read_is_400_and_kept_as_dead_letter(
    path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    collector = FakeCollector()
    answer = collector.call("POST", path, body, headers)
    assert (answer.status, answer.json()["error"]) == (status, code)
    assert answer.json()["detail"]
    (letter,) = collector.records(Topic.DEAD_LETTERS)
    assert letter.value == body
    found = headers_of(letter)
    assert (found["code"], found["path"], found["item_count"]) == (code, path, "0")
    assert found["app_id"] == ("app" if headers else "")
    assert collector.records() == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (batch(EVENT), {}),
        (batch(EVENT), {"Authorization": "Basic " + b64encode(b"stranger:").decode()}),
        (batch(EVENT), {"Authorization": "Bearer wk"}),
        (batch(EVENT, writeKey="stranger"), {}),
        (b"{", {"Authorization": "Basic " + b64encode(b"stranger:").decode()}),
    ],
)
def test_every_stranger_gets_one_and_the_same_401(body: bytes, headers: dict[str, str]) -> None:
    collector = FakeCollector()
    answer = collector.call("POST", "/v1/batch", body, headers)
    assert (answer.status, answer.json()["error"]) == (401, "auth.unknown_key")
    reference = FakeCollector().call("POST", "/v1/track", b"{}")
    assert (answer.body, answer.headers) == (reference.body, reference.headers)
    (letter,) = collector.records(Topic.DEAD_LETTERS)
    assert letter.value == body


@pytest.mark.parametrize("change", ["revoked", "disabled"])
def test_a_revoked_key_and_a_disabled_app_are_strangers(change: str) -> None:
    collector = FakeCollector()
    assert collector.call("POST", "/v1/batch", batch(EVENT), KEY).status == 200
    collector.ring.replace(snapshot(2, **{change: True}))
    answer = collector.call("POST", "/v1/batch", batch(EVENT), KEY)
    assert answer.body == FakeCollector().call("POST", "/v1/track", b"{}").body
    touch = collector.call("GET", "/v1/click?app_id=app&media_source=m")
    assert touch.status == (401 if change == "disabled" else 200)


def test_beyond_its_quota_a_stranger_is_only_counted() -> None:
    collector = FakeCollector(
        options=CollectorOptions(dead_letter_daily_bytes=2_000, min_free_disk_bytes=0)
    )
    answers = [collector.call("POST", "/v1/track", b"x" * 600) for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert len(collector.records(Topic.DEAD_LETTERS)) == 1
    report = json.loads(collector.app.statistics.report(NOON)[0])
    refused = [row["refused"] for row in report["counts"] if row["refused"]]
    assert refused == [{"parse.json": 2}]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b" " * 2_001, {}, "size.wire"),
        ([b" " * 1_500, b" " * 1_500], {}, "size.wire"),
        (gzip.compress(b" " * 4_001), {"Content-Encoding": "gzip"}, "size.body"),
        (batch(*[{}] * 6), {}, "size.batch_count"),
    ],
    ids=["on the wire", "in chunks", "unpacked", "of items"],
)
def test_too_much_is_413_and_kept_up_to_the_cap(
    body: Any, headers: dict[str, str], code: str
) -> None:
    collector = small()
    answer = collector.call("POST", "/v1/batch", body, {**KEY, **headers})
    assert (answer.status, answer.json()["error"]) == (413, code)
    (letter,) = collector.records(Topic.DEAD_LETTERS)
    assert letter.value == (body if isinstance(body, bytes) else b"".join(body))[:2_000]


def test_exactly_at_the_limits_everything_is_taken() -> None:
    body = batch(*[EVENT] * 5)
    padded = body + b" " * (2_000 - len(body))
    assert small().call("POST", "/v1/batch", padded, KEY).status == 200
    wide = body + b" " * (4_000 - len(body))
    packed = {**KEY, "Content-Encoding": "gzip"}
    assert small().call("POST", "/v1/batch", gzip.compress(wide), packed).status == 200


def test_the_unpacked_limit_follows_what_the_topic_takes() -> None:
    stream = MemoryStream([str(topic) for topic in Topic], max_record_bytes=128 * 1024 + 100)
    collector = FakeCollector(stream=stream)
    assert collector.call("POST", "/v1/track", b'{"event":"x","userId":"u"}', KEY).status == 200
    answer = collector.call("POST", "/v1/batch", batch(EVENT, EVENT), KEY)
    assert (answer.status, answer.json()["error"]) == (413, "size.body")


def assert_come_back(answer: Answer, code: str) -> None:
    assert (answer.status, answer.json()["error"]) == (503, code)
    assert answer.headers["retry-after"] == "5"


def test_a_stream_that_is_away_is_503_also_for_what_would_be_a_dead_letter() -> None:
    collector = FakeCollector()
    collector.stream.take_away()
    for body in (batch(EVENT), b"{"):
        assert_come_back(collector.call("POST", "/v1/batch", body, KEY), "sink.unavailable")
    collector.stream.bring_back()
    assert collector.records() == []
    assert collector.records(Topic.DEAD_LETTERS) == []


def test_without_an_acknowledgement_in_time_the_client_keeps_its_events() -> None:
    collector = FakeCollector(options=CollectorOptions(ack_timeout_ms=50, min_free_disk_bytes=0))
    collector.stream.hold_acknowledgements()
    answer = collector.call("POST", "/v1/batch", batch(EVENT), KEY)
    assert_come_back(answer, "sink.unavailable")
    assert collector.app.delivery.bytes_in_flight > 0, "the record is still in flight"


def test_no_answer_is_given_before_the_acknowledgement() -> None:
    collector = FakeCollector()
    collector.stream.hold_acknowledgements()

    async def work() -> Answer:
        task = asyncio.create_task(collector.send("POST", "/v1/batch", batch(EVENT), KEY))
        await asyncio.sleep(0.05)
        assert not task.done()
        collector.stream.release_acknowledgements()
        return await task

    assert collector.run(work).status == 200
    assert collector.app.delivery.bytes_in_flight == 0


def test_beyond_the_budget_of_bytes_in_flight_clients_come_back() -> None:
    collector = FakeCollector(
        options=CollectorOptions(in_flight_bytes=10_000, min_free_disk_bytes=0)
    )
    collector.stream.hold_acknowledgements()

    async def work() -> list[Answer]:
        tasks = [
            asyncio.create_task(collector.send("POST", "/v1/batch", batch(EVENT), KEY))
            for _ in range(5)
        ]
        await asyncio.sleep(0.05)
        collector.stream.release_acknowledgements()
        return await asyncio.gather(*tasks)

    answers = collector.run(work)
    assert [answer.status for answer in answers] == [200, 200, 503, 503, 503]
    assert_come_back(answers[-1], "sink.busy")
    assert len(collector.records()) == 2
    assert collector.app.delivery.bytes_in_flight == 0


def test_a_stream_that_stalls_is_not_fed_further() -> None:
    collector = FakeCollector(options=CollectorOptions(stall_ms=30, min_free_disk_bytes=0))
    collector.stream.hold_acknowledgements()

    async def work() -> Answer:
        first = asyncio.create_task(collector.send("POST", "/v1/batch", batch(EVENT), KEY))
        await asyncio.sleep(0.1)
        second: Answer = await collector.send("POST", "/v1/batch", batch(EVENT), KEY)
        ready = await collector.send("GET", "/v1/health/ready")
        assert (ready.status, ready.json()["status"]) == (503, "not ready")
        collector.stream.release_acknowledgements()
        assert (await first).status == 200
        return second

    assert_come_back(collector.run(work), "sink.unavailable")


def test_a_disk_nearly_full_is_503() -> None:
    collector = FakeCollector()
    collector.app.delivery.is_disk_low = True
    assert_come_back(collector.call("POST", "/v1/batch", batch(EVENT), KEY), "sink.disk")
    assert collector.call("GET", "/v1/health/ready").status == 503


def test_before_any_key_is_known_nobody_is_turned_away_for_good() -> None:
    collector = FakeCollector()
    collector.ring.version = -1
    assert_come_back(collector.call("POST", "/v1/batch", batch(EVENT), KEY), "sink.unavailable")


def test_health_says_live_and_ready() -> None:
    collector = FakeCollector()
    assert collector.call("GET", "/v1/health/live").json() == {"status": "live"}
    assert collector.call("GET", "/v1/health/ready").json() == {"status": "ready", "faults": []}
    collector.stream.take_away()
    assert collector.call("GET", "/v1/health/live").status == 200
    assert collector.call("GET", "/v1/health/ready").status == 503


def test_browsers_are_let_in_from_any_page() -> None:
    answer = FakeCollector().call("OPTIONS", "/v1/batch", b"", {"Origin": "https://shop.example"})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    posted = FakeCollector().call("POST", "/v1/batch", batch(EVENT), KEY)
    assert posted.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
def test_events_are_not_sent_by_get(path: str) -> None:
    answer = FakeCollector().call("GET", path, b"", KEY)
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


def test_mobile_sdks_get_their_settings() -> None:
    collector = FakeCollector()
    answer = collector.call("GET", "/v1/projects/wk/settings")
    assert answer.json()["integrations"] == {
        "Segment.io": {"apiKey": "wk", "apiHost": "collector/v1"}
    }
    unknown = collector.call("GET", "/v1/projects/stranger/settings")
    assert unknown.body == collector.call("POST", "/v1/track", b"{}").body
    assert unknown.status == 401


def test_requests_have_ids_of_their_own() -> None:
    collector = FakeCollector()
    for _ in range(3):
        collector.call("POST", "/v1/batch", batch(EVENT), KEY)
    assert len({headers_of(record)["request_id"] for record in collector.records()}) == 3
