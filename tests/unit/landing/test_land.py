"""What lands where: items, copies, refusals, dead letters, reports, and where landing goes on."""

import json
from datetime import date

import pytest

from tests.fakes.landing import House
from tests.fakes.requests import DAY_MS, NOON, headers, send, send_batch, send_touch, track
from unmogrowp.contracts.topics import Topic
from unmogrowp.errors import AuditFailed, StreamGap
from unmogrowp.landing.gaps import accept_gap, find_gaps
from unmogrowp.landing.lag import lag
from unmogrowp.landing.options import LandingOptions

HORIZON = 30 * DAY_MS


def test_each_item_of_a_batch_becomes_one_row() -> None:
    house = House()
    send_batch(house.stream, [track("a", NOON - 5), track("b", NOON - 4)])
    house.land()
    assert house.ids() == ["a", "b"]


def test_a_second_pass_finds_nothing_to_do() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    house.land()
    assert house.land().ranges == []
    assert house.ids() == ["a"]


def test_a_range_is_bounded_and_the_next_one_goes_on_where_it_ended() -> None:
    house = House(options=LandingOptions(range_records=2))
    for index in range(5):
        send_batch(house.stream, [track(f"m{index}")], NOON + index)
    report = house.land()
    spans = [(r.landing_range.start, r.landing_range.end) for r in report.ranges]
    assert spans == [(0, 2), (2, 4), (4, 5)]
    assert [r.landing_range.landing_seq for r in report.ranges] == [1, 2, 3]
    assert report.watermark == 3
    assert len(house.ids()) == 5


def test_until_leaves_later_records_for_the_next_run() -> None:
    house = House()
    for index in range(4):
        send_batch(house.stream, [track(f"m{index}")], NOON + index)
    house.lander().land(until={(Topic.EVENTS, 0): 3})
    assert house.ids() == ["m0", "m1", "m2"]


def test_raw_rows_are_counted_per_day_of_receipt() -> None:
    house = House()
    midnight = NOON + DAY_MS // 2
    send_batch(house.stream, [track("a"), track("b")], midnight - 1)
    send_batch(house.stream, [track("c")], midnight)
    house.land()
    rows = house.warehouse.rows(
        "SELECT received_on, record_count, item_count FROM audit.landing_ranges"
        " WHERE state = 'landed' ORDER BY received_on"
    )
    assert rows == [(date(2026, 9, 24), 1, 2), (date(2026, 9, 25), 1, 1)]


def test_the_copy_that_was_received_first_stays() -> None:
    house = House()
    send_batch(house.stream, [track("a", properties={"n": 2})], NOON + 10)
    send_batch(house.stream, [track("a", properties={"n": 1})], NOON)
    house.land()
    assert house.event("a")["properties"] == '{"n":1}'
    (copy,) = house.records("clean.duplicates")
    assert (copy["offset"], copy["kept_offset"]) == (0, 1)


@pytest.mark.parametrize(
    ("distance_ms", "staying"),
    [(HORIZON - 1, 1), (HORIZON, 1), (HORIZON + 1, 2)],
    ids=[
        "one ms inside the horizon is a copy",
        "the edge of the horizon is in",
        "one ms outside stays",
    ],
)
@pytest.mark.parametrize("is_one_range", [True, False], ids=["one range", "two ranges"])
def test_a_copy_is_dropped_only_within_the_horizon(
    distance_ms: int, staying: int, is_one_range: bool
) -> None:
    house = House()
    send_batch(house.stream, [track("a")], NOON)
    if not is_one_range:
        house.land()
    send_batch(house.stream, [track("a")], NOON + distance_ms)
    house.land()
    assert len(house.ids()) == staying


@pytest.mark.parametrize("is_one_range", [True, False], ids=["one range", "three ranges"])
def test_of_copies_on_days_0_20_and_40_those_of_0_and_40_stay(is_one_range: bool) -> None:
    house = House()
    for day in (0, 20, 40):
        send_batch(house.stream, [track("a")], NOON + day * DAY_MS)
        if not is_one_range:
            house.land()
    house.land()
    kept = [row["offset"] for row in house.records("clean.events")]
    assert kept == [0, 2]
    assert [row["offset"] for row in house.records("clean.duplicates")] == [1]


def test_the_same_message_id_of_two_apps_is_no_copy() -> None:
    house = House()
    send_batch(house.stream, [track("a")], app_id="one")
    send_batch(house.stream, [track("a")], app_id="two")
    house.land()
    assert house.ids() == ["a", "a"]


def test_an_item_without_message_id_gets_one_from_request_and_index() -> None:
    house = House()
    item = {"type": "track", "event": "x", "userId": "u"}
    send_batch(house.stream, [item, item], request_id="r1")
    send_batch(house.stream, [item], request_id="r2")
    house.land()
    first = house.ids()
    assert len(set(first)) == 3
    again = House()
    send_batch(again.stream, [item, item], request_id="r1")
    again.land()
    assert set(again.ids()) < set(first)


def test_an_earlier_copy_that_lands_later_queues_both_days() -> None:
    house = House()
    send_batch(house.stream, [track("a")], NOON + DAY_MS)
    house.land()
    send_batch(house.stream, [track("a")], NOON)
    report = house.land()
    assert report.ranges[0].late_copy_days == ["2026-09-24", "2026-09-25"]
    assert house.ids() == ["a"]
    due = house.warehouse.rows("SELECT day FROM audit.touched_days ORDER BY day")
    assert due == [(date(2026, 9, 24),), (date(2026, 9, 25),)]


@pytest.mark.parametrize(
    "bad",
    [b'{"type":"track","messageId":"bad","n":1e400}', b'{"type":"track","messageId":"b\xff"}'],
    ids=["a number beyond doubles", "broken UTF-8"],
)
def test_a_poison_item_costs_only_itself(bad: bytes) -> None:
    house = House()
    send_batch(house.stream, [track("a"), bad, track("b")])
    send_batch(house.stream, [track("c")], NOON + 1)
    house.land()
    assert house.ids() == ["a", "b", "c"]
    (failed,) = house.warehouse.rows("SELECT code, level, item_index, hex(bytes) FROM clean.failed")
    assert failed == ("parse.engine", "item", 1, bad.hex().upper())


def test_a_single_call_that_is_poison_becomes_a_failed_item() -> None:
    house = House()
    body = b'{"messageId":"x","properties":{"n":1e400}}'
    send(
        house.stream,
        Topic.EVENTS,
        body,
        headers(path="/v1/track", received_at=NOON, item_count=1),
    )
    house.land()
    assert [row["code"] for row in house.records("clean.failed")] == ["parse.engine"]


def test_poison_in_the_envelope_costs_no_item() -> None:
    house = House()
    body = (
        b'{"batch":[' + json.dumps(track("a")).encode() + b'],"context":{"x":1e400,"locale":"de"}}'
    )
    send(
        house.stream,
        Topic.EVENTS,
        body,
        headers(path="/v1/batch", received_at=NOON, item_count=1),
    )
    house.land()
    assert house.event("a")["locale"] == "de"


def test_a_request_with_another_number_of_items_than_its_header_says_is_kept_as_failed() -> None:
    house = House()
    body = json.dumps({"batch": [track("a"), track("b"), track("c")]}).encode()
    send(
        house.stream,
        Topic.EVENTS,
        body,
        headers(path="/v1/batch", received_at=NOON, item_count=2),
    )
    send_batch(house.stream, [track("d")], NOON + 1)
    house.land()
    assert house.ids() == ["d"]
    rows = house.records("clean.failed")
    assert [row["code"] for row in rows] == ["record.item_count", "record.item_count"]
    assert '"b"' in rows[1]["bytes"]
    assert '"c"' in rows[1]["bytes"]


def test_items_the_collector_refused_become_failed_items_with_their_code() -> None:
    house = House()
    send_batch(
        house.stream,
        [track("a"), {"type": "track"}, track("b"), 7],
        rejected="1:schema.missing_field,3:schema.type",
    )
    house.land()
    assert house.ids() == ["a", "b"]
    rows = [(r["code"], r["path"], r["item_index"]) for r in house.records("clean.failed")]
    assert rows == [("schema.missing_field", "batch[1]", 1), ("schema.type", "batch[3]", 3)]


def test_a_request_of_which_every_item_was_refused_adds_up() -> None:
    house = House()
    send_batch(house.stream, [{"foo": 1}, None], rejected="0:a.b,1:c.d")  # type: ignore[list-item]
    house.land()
    assert [row["code"] for row in house.records("clean.failed")] == ["a.b", "c.d"]


def test_refused_and_poison_items_of_one_request_keep_their_own_codes() -> None:
    house = House()
    poison = b'{"type":"track","n":1e400}'
    send_batch(house.stream, [track("a"), poison, {"foo": 1}, poison], rejected="2:a.b,3:c.d")
    house.land()
    assert house.ids() == ["a"]
    rows = [(r["code"], r["item_index"], r["bytes"]) for r in house.records("clean.failed")]
    assert [row[:2] for row in rows] == [("parse.engine", 1), ("a.b", 2), ("c.d", 3)]
    assert rows[2][2] == poison.decode()


def test_an_item_the_engine_sees_nothing_in_is_failed_and_does_not_stop_landing() -> None:
    house = House()
    send_batch(house.stream, [{"foo": 1}])
    send_batch(house.stream, [track("a")], NOON + 1)
    house.land()
    assert house.ids() == ["a"]
    assert [row["code"] for row in house.records("clean.failed")] == ["parse.engine"]


def test_a_dead_letter_is_a_raw_row_and_a_failed_request() -> None:
    house = House()
    send(
        house.stream,
        Topic.DEAD_LETTERS,
        b"\xff{broken",
        headers(path="/v1/track", received_at=NOON, item_count=0, code="parse.json", detail="no"),
    )
    house.land()
    assert house.warehouse.scalar("SELECT count() FROM raw.requests") == 1
    row = house.warehouse.rows("SELECT code, detail, level, path, hex(bytes) FROM clean.failed")
    assert row == [("parse.json", "no", "request", "/v1/track", b"\xff{broken".hex().upper())]


def test_a_record_that_is_no_request_is_failed_and_does_not_stop_landing() -> None:
    house = House()
    send(house.stream, Topic.EVENTS, b"hello", [])
    send_batch(house.stream, [track("a")])
    house.land()
    assert house.ids() == ["a"]
    assert [row["code"] for row in house.records("clean.failed")] == ["record.malformed"]


def test_reports_of_collectors_land_as_counters_with_a_marker_for_empty_ones() -> None:
    house = House()
    report = {
        "collector_id": "host-0",
        "boot_id": "boot",
        "sequence": 1,
        "reported_at": NOON,
        "started_at": NOON - 1000,
        "final": False,
        "counts": [
            {
                "app_id": "app",
                "hour": NOON,
                "topic": "events.v1",
                "acknowledged_requests": 3,
                "acknowledged_items": 30,
                "unknown_requests": 0,
                "unknown_items": 0,
                "refused": {"sink.kafka": 2},
            }
        ],
    }
    send(house.stream, Topic.COLLECTOR_STATS, json.dumps(report).encode(), [])
    marker = {**report, "sequence": 2, "counts": []}
    send(house.stream, Topic.COLLECTOR_STATS, json.dumps(marker).encode(), [])
    send(house.stream, Topic.COLLECTOR_STATS, b"no report", [])
    house.land()
    rows = house.warehouse.rows(
        "SELECT sequence, app_id, acknowledged_items, refused, started_at"
        " FROM audit.collector_reports ORDER BY sequence"
    )
    assert [row[:4] for row in rows] == [(1, "app", 30, {"sink.kafka": 2}), (2, "", 0, {})]
    assert rows[0][4].timestamp() * 1000 == NOON - 1000
    assert [r["code"] for r in house.records("clean.failed")] == ["record.malformed_report"]


def test_touches_land_once_per_click_id_and_type() -> None:
    house = House()
    for path in ("/v1/click", "/v1/click", "/v1/impression"):
        send_touch(house.stream, {"media_source": "net", "click_id": "C1"}, path=path)
    house.land()
    rows = house.warehouse.rows("SELECT touch_type, click_id FROM clean.touches ORDER BY ALL")
    assert rows == [("click", "C1"), ("impression", "C1")]
    assert [row["kind"] for row in house.records("clean.duplicates")] == ["touch"]


def test_a_batch_of_touches_lands_like_single_ones() -> None:
    house = House()
    body = json.dumps({"batch": [{"click_id": "a"}, {"click_id": "b"}]}).encode()
    send(
        house.stream,
        Topic.TOUCHES,
        body,
        headers(path="/v1/click", received_at=NOON, item_count=2),
    )
    house.land()
    assert house.ids("clean.touches", "click_id") == ["a", "b"]


def test_a_callback_sees_the_published_range_before_it_counts_as_landed() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    seen: list[tuple[int, int, int]] = []

    def look(staged: object) -> None:
        table = staged.events_table  # type: ignore[attr-defined]
        count = house.warehouse.scalar(f"SELECT count() FROM {table}")
        landed = house.warehouse.scalar(
            "SELECT count() FROM audit.landing_ranges WHERE state = 'landed'"
        )
        published = house.warehouse.scalar("SELECT count() FROM clean.events")
        seen.append((count, published, landed))

    house.lander(after_publish=[look]).land()
    assert seen == [(1, 1, 0)]


def test_a_gap_stops_its_partition_names_the_range_and_lets_the_others_land() -> None:
    house = House(partitions=2)
    for index in range(4):
        send_batch(house.stream, [track(f"x{index}")], NOON + index, key=b"even")
        send_batch(house.stream, [track(f"y{index}")], NOON + index, key=b"odd")
    spans = {s.partition: s for s in house.stream.spans([Topic.EVENTS])}
    assert spans[0].end == spans[1].end == 4
    house.stream.delete_before(Topic.EVENTS, 1, 2)
    with pytest.raises(StreamGap, match=r"events\.v1/1 \[0, 2\)"):
        house.land()
    assert len(house.ids()) == 4
    assert [str(gap) for gap in find_gaps(house.warehouse, house.stream)] == ["events.v1/1 [0, 2)"]
    accept_gap(house.warehouse, house.stream, house.clock, Topic.EVENTS, 1, "disk was full")
    house.land()
    assert len(house.ids()) == 6
    rows = house.warehouse.rows(
        "SELECT start_offset, end_offset, note FROM audit.landing_ranges"
        " WHERE state = 'gap_accepted'"
    )
    assert rows == [(0, 2, "disk was full")]


def test_without_a_gap_nothing_is_accepted() -> None:
    house = House()
    with pytest.raises(StreamGap, match="no gap"):
        accept_gap(house.warehouse, house.stream, house.clock, Topic.EVENTS, 0, "why not")


def test_a_topic_created_anew_begins_a_new_series() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    house.land()
    house.stream.recreate(Topic.EVENTS)
    send_batch(house.stream, [track("b")], NOON + 1)
    house.land()
    assert house.ids() == ["a", "b"]
    rows = house.warehouse.rows(
        "SELECT start_offset FROM audit.landing_ranges WHERE state = 'series_ended'"
    )
    assert rows == [(1,)]
    assert house.land().ranges == []


def test_a_stream_shorter_than_what_was_landed_is_an_error() -> None:
    house = House()
    for index in range(3):
        send_batch(house.stream, [track(f"m{index}")], NOON + index)
    house.land()
    house.stream._topics[Topic.EVENTS].partitions[0].records.pop()
    with pytest.raises(StreamGap, match="ends at 2, but 3 was landed"):
        house.land()


def test_lag_counts_what_is_not_landed_yet() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    send_batch(house.stream, [track("b")], NOON + 1)
    behind = {entry.topic: entry.offsets_behind for entry in lag(house.warehouse, house.stream)}
    assert behind[Topic.EVENTS] == 2
    house.land()
    assert sum(e.offsets_behind for e in lag(house.warehouse, house.stream)) == 0


def test_a_broken_contract_publishes_nothing_and_is_recorded() -> None:
    house = House()
    send_batch(house.stream, [track("")], app_id="")
    with pytest.raises(AuditFailed, match="events_have_app_id"):
        house.land()
    assert house.warehouse.scalar("SELECT count() FROM clean.events") == 0
    failed = house.warehouse.rows(
        "SELECT check_name, unexpected_count FROM audit.quality_results WHERE NOT is_passed"
    )
    assert failed == [("events_have_app_id_message_id_and_device_key", 1)]


def test_an_open_range_is_finished_from_raw_when_the_stream_has_lost_it() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    send_batch(house.stream, [track("b")], NOON + 1)

    def fail(_staged: object) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        house.lander(after_publish=[fail]).land()
    house.stream.delete_before(Topic.EVENTS, 0, 2)
    assert find_gaps(house.warehouse, house.stream) == []
    house.land()
    assert house.ids() == ["a", "b"]
