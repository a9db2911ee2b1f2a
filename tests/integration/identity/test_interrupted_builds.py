"""A build that dies between any two of its writes, while others go on; the repeat sets it right."""

from datetime import date, timedelta

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import StillClock
from tests.market.model import DAY, Event, at
from tests.market.stitching import expected, land, rows, stitch, watermark
from unmogrowp.attribution import touched_days
from unmogrowp.attribution.build import build_installs_day
from unmogrowp.identity.builds import is_behind
from unmogrowp.warehouse.client import Warehouse

T = at("2024-01-01T12:00:00")
FIRST = date(2024, 1, 1)
NOW = at("2026-03-10T12:00:00")
LIMIT = 6
# Each point has an app of its own, and ten days on which nobody else has an install.
SPAN = 10


class Killed(BaseException):
    """The process is gone; nothing of it catches this."""


def event(number: int, device: str, day: int, **fields: str) -> Event:
    return Event(
        app_id=f"app{number:02}",
        message_id=f"{device}@{day}",
        occurred_at=T + (number * SPAN + day) * DAY,
        received_at=NOW + day,
        device_key=device,
        device_id=device,
        idfv=device,
        platform="ios",
        **fields,
    )


def before(number: int) -> list[Event]:
    """Two phones that nothing connects yet, and one that stays below the limit for now."""
    lab = [event(number, "lab", 6, idfa=f"l{n}", event_name="page") for n in range(5)]
    return [event(number, "v1", 0, idfa="i"), event(number, "v2", 3), *lab]


def merging(number: int) -> list[Event]:
    """What tells that they are one, and that the third is shared by too many."""
    return [
        event(number, "v2", 4, idfa="i", user_id="u", event_name="Application Opened"),
        *(event(number, "lab", 7, idfa=f"l{n}", event_name="page") for n in range(5, 8)),
    ]


def publish(warehouse: Warehouse, days: list[date]) -> None:
    mark = watermark(warehouse)
    for day in days:
        build_installs_day(warehouse, day, mark, StillClock())
        touched_days.mark_built(warehouse, touched_days.MARTS, day, mark, NOW)


def day_of(number: int, day: int) -> date:
    return FIRST + timedelta(number * SPAN + day)


def points_of_a_build(warehouse: Warehouse) -> list[str]:
    points: list[str] = []
    land(warehouse, watermark(warehouse) + 1, merging(0))
    stitch(warehouse, LIMIT, reach=points.append)
    # Between the end of one write and the beginning of the next nothing happens.
    return ["before:plan", *(point for point in points if point.startswith("after:"))]


@pytest.mark.timeout(300)
def test_killed_between_any_two_writes_the_repeat_gives_the_same() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    most = 12
    land(warehouse, 1, [one for number in range(most) for one in before(number)])
    stitch(warehouse, LIMIT)
    points = points_of_a_build(warehouse)
    assert len(set(points)) == len(points) < most
    publish(warehouse, [day_of(number, 3) for number in range(len(points) + 1)])
    for number, point in enumerate(points, start=1):

        def reach(reached: str, fatal: str = point) -> None:
            if reached == fatal:
                raise Killed

        land(warehouse, watermark(warehouse) + 1, merging(number))
        with pytest.raises(Killed):
            stitch(warehouse, LIMIT, reach=reach)
        assert is_behind(warehouse, watermark(warehouse)) == (point != "after:built")
        # Landing goes on and takes the next number; marts build a day from what they find.
        land(warehouse, watermark(warehouse) + 1, [event(number, "z", 9, event_name="page")])
        publish(warehouse, [day_of(number, 3)])
        stitch(warehouse, LIMIT)
        assert not is_behind(warehouse, watermark(warehouse)), point
        publish(warehouse, [one.day for one in touched_days.due(warehouse)])
    check(warehouse, points)


def check(warehouse: Warehouse, points: list[str]) -> None:
    said = rows(warehouse)
    restated = dict(
        warehouse.rows(
            "SELECT app_id, groupArray((from_component, to_component, to_ordinal))"
            " FROM audit.restatements GROUP BY app_id"
        )
    )
    cuts = dict(warehouse.rows("SELECT app_id, count() FROM audit.identity_cuts GROUP BY app_id"))
    installs = dict(
        warehouse.rows(
            "SELECT app_id, arraySort(groupArray((source_message_id, device_key, ordinal)))"
            " FROM mart.installs GROUP BY app_id"
        )
    )
    for number, point in enumerate(points, start=1):
        app_id = f"app{number:02}"
        events = [*before(number), *merging(number), event(number, "z", 9, event_name="page")]
        assert said[app_id] == expected(events, LIMIT)[app_id].rows, point
        assert restated[app_id] == [("v2", "v1", 2)], point
        assert cuts[app_id] == 1, point
        assert [one for one in installs[app_id] if one[0].startswith("v")] == [
            ("v1@0", "v1", 1), ("v2@3", "v1", 2)
        ], point  # fmt: skip
    assert warehouse.scalar(
        "SELECT count() FROM (SELECT build_id FROM audit.identity_builds WHERE state = 'planned'"
        " GROUP BY build_id HAVING build_id NOT IN"
        " (SELECT build_id FROM audit.identity_builds WHERE state = 'built'))"
    ) == 0  # fmt: skip
