"""A rebuilt day has the content it had; where rows have to change places, all days follow."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.landing import House
from tests.fakes.requests import DAY_MS, NOON, headers, send, send_batch, send_touch, track
from unmogrowp.contracts.topics import Topic
from unmogrowp.errors import LandingUnfinished, RebuildRefused
from unmogrowp.landing.land import StagedRange
from unmogrowp.landing.options import LandingOptions
from unmogrowp.landing.rebuild import Rebuilder, due_days
from unmogrowp.landing.retention import prune

TODAY = date(2026, 9, 24)


def _mixed_day(house: House) -> None:
    rng = random.Random(7)
    for index in range(12):
        received = NOON + index * 1000
        items = [track(f"m{rng.randrange(20)}", received - 500) for _ in range(3)]
        send_batch(house.stream, items, received, envelope={"sentAt": None})
    send_batch(house.stream, [track("p"), b'{"type":"track","n":1e400}'], NOON + 20_000)
    send_batch(house.stream, [track("old", NOON - 5 * 365 * DAY_MS)], NOON + 21_000)
    send_batch(house.stream, [track("q"), {"x": 1}], NOON + 22_000, rejected="1:a.b")
    for index in range(4):
        send_touch(house.stream, {"click_id": f"c{index % 2}", "extra": "1"}, NOON + index)
    send(
        house.stream,
        Topic.DEAD_LETTERS,
        b"{",
        headers(path="/v1/track", received_at=NOON, item_count=0, code="parse.json"),
    )


def test_a_rebuilt_day_has_the_same_content() -> None:
    house = House(options=LandingOptions(range_records=3))
    _mixed_day(house)
    house.land()
    before = house.hashes()
    assert all(entry.row_count for entry in before.values())
    (rebuilt,) = house.rebuilder().rebuild([TODAY])
    assert house.hashes() == before
    assert rebuilt.changed_rows == 0
    assert rebuilt.follow_up_days == []


def test_rows_somebody_changed_are_put_right_and_marts_hear_of_it() -> None:
    house = House()
    send_batch(house.stream, [track("a"), track("b")])
    house.land()
    before = house.hashes("clean.events")
    house.warehouse.execute(
        "ALTER TABLE clean.events DELETE WHERE message_id = 'a' SETTINGS mutations_sync = 2"
    )
    heard: list[tuple[int, list[str]]] = []

    def hear(staged: StagedRange) -> None:
        rows = house.warehouse.rows(f"SELECT message_id FROM {staged.events_table}")
        heard.append((staged.landing_seq, [row[0] for row in rows]))

    rebuilder = Rebuilder(house.warehouse, house.clock, house.options, [hear])
    (rebuilt,) = rebuilder.rebuild([TODAY])
    assert house.hashes("clean.events") == before
    assert heard == [(rebuilt.landing_seq, ["a"])]
    assert house.lander().land().watermark == rebuilt.landing_seq


def test_a_late_earlier_copy_takes_its_place_and_no_other_day_changes() -> None:
    house = House()
    send_batch(house.stream, [track("other")], NOON + 5 * DAY_MS)
    send_batch(house.stream, [track("a"), track("b")], NOON + DAY_MS)
    house.land()
    send_batch(house.stream, [track("a")], NOON)
    house.land()
    assert due_days(house.warehouse) == [TODAY, TODAY + timedelta(days=1)]
    house.rebuilder().rebuild(due_days(house.warehouse))
    assert due_days(house.warehouse) == []
    rows = house.warehouse.rows(
        "SELECT message_id, toDate(received_at) FROM clean.events ORDER BY 1"
    )
    assert rows == [
        ("a", TODAY),
        ("b", TODAY + timedelta(days=1)),
        ("other", TODAY + timedelta(days=5)),
    ]
    (copy,) = house.records("clean.duplicates")
    assert copy["kept_received_at"].date() == TODAY


def test_when_a_row_steps_back_the_rows_that_it_had_held_back_may_step_forward() -> None:
    house = House()
    send_batch(house.stream, [track("a")], NOON + 10 * DAY_MS)
    send_batch(house.stream, [track("a")], NOON + 38 * DAY_MS)
    house.land()
    send_batch(house.stream, [track("a")], NOON)
    house.land()
    done = house.rebuilder().rebuild(due_days(house.warehouse))
    assert [entry.day - TODAY for entry in done] == [
        timedelta(days=0),
        timedelta(days=10),
        timedelta(days=38),
    ]
    kept = house.warehouse.rows("SELECT toDate(received_at) FROM clean.events ORDER BY 1")
    assert kept == [(TODAY,), (TODAY + timedelta(days=38),)]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 100), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_in_whatever_order_copies_land_the_same_rows_stay(
    days: list[int], rng: random.Random
) -> None:
    arrivals = [NOON + day * DAY_MS for day in days]
    kept: list[int] = []
    for received in sorted(arrivals):
        if not kept or received - kept[-1] > 30 * DAY_MS:
            kept.append(received)
    rng.shuffle(arrivals)
    house = House()
    for received in arrivals:
        send_batch(house.stream, [track("a")], received)
        house.land()
    while due := due_days(house.warehouse):
        house.rebuilder().rebuild(due)
    rows = house.warehouse.rows("SELECT received_at FROM clean.events ORDER BY 1")
    assert [round(row[0].timestamp() * 1000) for row in rows] == kept
    copies = house.warehouse.scalar("SELECT count() FROM clean.duplicates")
    assert copies == len(arrivals) - len(kept)


def test_a_day_whose_raw_rows_are_incomplete_is_refused() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    send_batch(house.stream, [track("b")], NOON + 1)
    house.land()
    before = house.hashes()
    house.warehouse.execute(
        "ALTER TABLE raw.requests DELETE WHERE offset = 1 SETTINGS mutations_sync = 2"
    )
    with pytest.raises(RebuildRefused, match=r"events\.v1/0"):
        house.rebuilder().rebuild([TODAY])
    assert house.hashes() == before


def test_a_day_that_retention_removed_is_refused_and_its_clean_rows_stay() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    send_batch(house.stream, [track("b")], NOON + 90 * DAY_MS)
    house.land()
    house.clock.ms = NOON + 91 * DAY_MS
    pruned = prune(house.warehouse, house.clock, 90)
    assert [entry.day for entry in pruned] == [TODAY]
    assert house.warehouse.scalar("SELECT count() FROM raw.requests") == 1
    with pytest.raises(RebuildRefused, match="retention"):
        house.rebuilder().rebuild([TODAY])
    assert house.ids() == ["a", "b"]
    assert prune(house.warehouse, house.clock, 90) == []


def test_a_day_of_the_retention_limit_is_kept() -> None:
    house = House()
    send_batch(house.stream, [track("a")])
    house.land()
    house.clock.ms = NOON + 90 * DAY_MS
    assert prune(house.warehouse, house.clock, 90) == []
    assert [e.day for e in prune(house.warehouse, house.clock, 89, is_dry_run=True)] == [TODAY]
    assert house.warehouse.scalar("SELECT count() FROM raw.requests") == 1


def test_while_a_range_is_open_nothing_is_rebuilt_or_removed() -> None:
    house = House()
    send_batch(house.stream, [track("a")])

    def fail(_staged: StagedRange) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        house.lander(after_publish=[fail]).land()
    with pytest.raises(LandingUnfinished):
        house.rebuilder().rebuild([TODAY])
    with pytest.raises(LandingUnfinished):
        prune(house.warehouse, house.clock, 1)


def test_a_day_without_anything_is_rebuilt_as_nothing() -> None:
    house = House()
    (rebuilt,) = house.rebuilder().rebuild([TODAY])
    assert set(rebuilt.row_counts.values()) == {0}


def test_an_unreadable_report_survives_a_rebuild() -> None:
    house = House()
    send(house.stream, Topic.COLLECTOR_STATS, b"no report", [])
    house.land()
    (row,) = house.records("clean.failed")
    house.rebuilder().rebuild([row["received_at"].date()])
    assert len(house.records("clean.failed")) == 1
