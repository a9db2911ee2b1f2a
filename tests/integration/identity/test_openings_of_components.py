"""Openings belong to components: the install before one, and the pause before it, are theirs."""

from dataclasses import replace
from datetime import date

import pytest

from tests.engine import empty_tables, engine
from tests.integration.identity.test_restatements import NOW, n
from tests.market.build import StillClock
from tests.market.model import DAY, HOUR, Touch, at, insert_touches
from tests.market.stitching import land, stitch, watermark
from unmogrowp.attribution import touched_days
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.openings import build_openings_day
from unmogrowp.rulesets import PRESETS
from unmogrowp.warehouse.client import Warehouse

T = at("2026-03-10T12:00:00")
OPENED_ON = date(2026, 3, 20)
AFTER_A_WEEK = PRESETS["adjust_like"]
MARTS: tuple[touched_days.Mart, ...] = ("installs", "attribution")


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    asked = Touch(
        touch_id="r", touch_at=T + 10 * DAY - HOUR, idfa="i", media_source="again",
        is_retargeting=True,
    )  # fmt: skip
    insert_touches(opened, [asked])
    return opened


def build(warehouse: Warehouse, *days: date) -> None:
    mark = watermark(warehouse)
    for day in days:
        build_installs_day(warehouse, day, mark, StillClock())
        build_openings_day(warehouse, day, mark, StillClock())
        build_attribution_day(warehouse, AFTER_A_WEEK, day, mark, StillClock())
        touched_days.mark_built(warehouse, MARTS, day, mark, NOW)


def re_engagements(warehouse: Warehouse) -> list[tuple[str, str]]:
    return warehouse.rows(
        "SELECT device_key, toString(media_source) FROM mart.attributed_installs"
        " WHERE conversion_kind = 're_engagement'"
    )


def test_a_phone_that_comes_back_under_another_vendor_id(warehouse: Warehouse) -> None:
    back = n("v2", 10 * DAY, event_name="Application Opened", idfa="i")
    land(warehouse, 1, [n("v1", 0, idfa="i"), back])
    stitch(warehouse)
    build(warehouse, date(2026, 3, 10), OPENED_ON)
    assert re_engagements(warehouse) == [("v1", "again")]


def test_a_browser_that_turns_out_to_be_of_the_same_person_ends_the_pause(
    warehouse: Warehouse,
) -> None:
    land(
        warehouse,
        1,
        [
            n("v1", 0, idfa="i"),
            replace(n("a", 9 * DAY, event_name="page", anonymous_id="a"), platform="web"),
            n("v1", 10 * DAY, event_name="Application Opened", idfa="i"),
        ],
    )
    stitch(warehouse)
    build(warehouse, date(2026, 3, 10), OPENED_ON)
    assert re_engagements(warehouse) == [("v1", "again")]
    land(warehouse, 2, [n("v1", 12 * DAY, event_name="page", anonymous_id="a")])
    stitch(warehouse)
    assert ("attribution", OPENED_ON) in {
        (one.mart, one.day) for one in touched_days.due(warehouse, MARTS)
    }
    build(warehouse, OPENED_ON)
    assert re_engagements(warehouse) == []
