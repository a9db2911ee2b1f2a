"""Ranges that were staged before their turn: the same rows, whatever happens in between."""

from tests.engine import empty_tables
from tests.fakes.landing import House
from tests.fakes.requests import DAY_MS, NOON, send_batch, send_touch, track
from unmogrowp.landing.land import LandedRange
from unmogrowp.landing.options import LandingOptions
from unmogrowp.landing.ranges import LandingRange, Ledger
from unmogrowp.warehouse.publish import RUN_MARK, staging_copy


def full_house(range_records: int) -> House:
    """Copies, a refused item, poison, an event that is too old, a touch: one record each."""
    house = House(options=LandingOptions(range_records=range_records))
    send_batch(house.stream, [track("a", NOON), track("b", NOON)], NOON)
    send_batch(house.stream, [track("c", NOON), track("a", NOON)], NOON + 1)
    send_batch(house.stream, [track("d", NOON), {"x": 1}], NOON + 2, rejected="1:a.b")
    poison = b'{"type":"track","messageId":"p","n":1e400}'
    send_batch(house.stream, [track("e", NOON), poison], NOON + 3)
    old = track("f", NOON - 4 * 365 * DAY_MS, sentAt="")
    send_batch(house.stream, [old, track("g", NOON)], NOON + 4)
    send_touch(house.stream, {"click_id": "c1"}, NOON + 5)
    send_touch(house.stream, {"click_id": "c2"}, NOON + 6)
    return house


def test_ranges_staged_ahead_give_the_rows_of_one_range() -> None:
    house = full_house(100)
    assert len(house.land().ranges) == 2
    expected = house.hashes("raw.requests", "clean.events", "clean.touches", "clean.failed")
    empty_tables(house.warehouse)
    house.options = LandingOptions(range_records=1)
    assert len(house.land().ranges) == 7
    assert house.hashes(*expected) == expected
    assert house.ids() == ["a", "b", "c", "d", "e", "g"]


def test_every_row_carries_the_number_of_its_range() -> None:
    house = full_house(1)
    house.land()
    for table in ("raw.requests", "clean.events", "clean.touches"):
        rows = house.warehouse.rows(f"SELECT DISTINCT offset, landing_seq FROM {table} ORDER BY 2")
        assert len({number for _, number in rows}) == len(rows)
    assert (
        house.warehouse.rows(
            "SELECT landing_seq FROM raw.requests EXCEPT"
            " SELECT landing_seq FROM audit.landing_ranges WHERE state = 'landed'"
        )
        == []
    )


def test_a_range_that_gets_another_number_than_expected_is_staged_again() -> None:
    house = House(options=LandingOptions(range_records=1))
    for index in range(4):
        send_batch(house.stream, [track(f"m{index}", NOON)], NOON + index)
    ledger = Ledger(house.warehouse)

    def take_a_number(_landed: LandedRange) -> None:
        ledger.settle(LandingRange(0, "", "", 0, 0, 0), "rebuilt", "2026-09-24", NOON)

    house.lander().land(on_range=take_a_number)
    rows = house.warehouse.rows("SELECT offset, landing_seq FROM clean.events ORDER BY offset")
    assert rows == [(0, 1), (1, 3), (2, 5), (3, 7)]
    raw = house.warehouse.rows("SELECT offset, landing_seq FROM raw.requests ORDER BY offset")
    assert raw == rows


def test_nothing_is_left_of_what_was_staged_ahead() -> None:
    house = House(options=LandingOptions(range_records=1))
    # Made and not dropped: what a killed run leaves.
    abandoned = staging_copy(house.warehouse, "staging.events")
    abandoned.__enter__()
    for index in range(3):
        send_batch(house.stream, [track(f"m{index}", NOON)], NOON + index)
    house.land()
    left = house.warehouse.rows(
        "SELECT name FROM system.tables WHERE database = 'staging'"
        " AND position(name, {mark:String})",
        {"mark": RUN_MARK},
    )
    assert left == []
