"""What was reported and since when; what another ruleset would move, and that it moves nothing."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, days_of, load
from tests.market.model import DAY, HOUR, Event, Touch, at
from tests.market.oracle import digest
from tests.market.strategies import generate
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.content import content_of
from unmogrowp.attribution.events import build_events_day
from unmogrowp.attribution.touched_days import due, mark_built
from unmogrowp.attribution.whatif import Move, TrialRefused, days_between, read_diff, try_ruleset
from unmogrowp.attribution.whatif_plot import plot_whatif
from unmogrowp.errors import AuditFailed
from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.rulesets.assignment import decided_spans
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

N = at("2026-03-10T12:00:00")
MARCH_10 = date(2026, 3, 10)
ADJUST = PRESETS["adjust_like"]


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at_ms = N + HOUR

    def now_ms(self) -> int:
        return self.at_ms


def built(clock: Watch, days: list[date], watermark: int = 1) -> None:
    for day in days:
        build_installs_day(engine(), day, watermark, clock)
        build_attribution_day(engine(), OURS, day, watermark, clock)


def installed(**fields: Any) -> Event:
    return Event(message_id="m", occurred_at=N, **{"gaid": "gaid", **fields})


def reported_at(at_ms: int) -> list[tuple[Any, ...]]:
    """The query of the documentation: what did we report at an instant?"""
    return engine().rows(
        "SELECT media_source, count() FROM mart.decision_history"
        " WHERE ruleset_id = 'ours' AND is_present"
        " AND known_from <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')"
        " AND (known_to IS NULL OR known_to > fromUnixTimestamp64Milli({at:Int64}, 'UTC'))"
        " GROUP BY media_source ORDER BY media_source",
        {"at": at_ms},
    )


def restated() -> list[tuple[Any, ...]]:
    return engine().rows(
        "SELECT change, from_media_source, to_media_source FROM audit.decision_restatements"
        " ORDER BY recorded_at, change"
    )


@pytest.fixture
def clock() -> Watch:
    empty_tables(engine())
    return Watch()


def test_what_was_reported_at_an_instant_is_a_query(clock: Watch) -> None:
    load(engine(), [Market((installed(),))])
    built(clock, [MARCH_10])
    first = clock.at_ms
    late = Touch(touch_id="late", touch_at=N - HOUR, gaid="gaid", received_at=N + 5 * DAY)
    load(engine(), [Market((), (late,))])
    clock.at_ms += 5 * DAY
    built(clock, [MARCH_10], 2)
    assert reported_at(first - 1) == []
    assert reported_at(first) == [("organic", 1)]
    assert reported_at(clock.at_ms - 1) == [("organic", 1)]
    assert reported_at(clock.at_ms) == [("network", 1)]
    assert restated() == [("changed", "organic", "network")]


def test_building_again_reports_nothing_anew(clock: Watch) -> None:
    load(engine(), generate(30, 4))
    days = days_of(generate(30, 4))
    built(clock, days)
    before = content_hash(engine(), "mart.decision_versions")
    assert before.row_count > 20
    clock.at_ms += DAY
    built(clock, days[::-1], 2)
    assert content_hash(engine(), "mart.decision_versions") == before


def test_a_build_killed_before_its_publish_writes_its_versions_once(clock: Watch) -> None:
    load(engine(), [Market((installed(),))])
    built(clock, [MARCH_10])
    engine().execute("TRUNCATE TABLE mart.attributed_installs")  # as if it had never been swapped
    built(clock, [MARCH_10])
    assert engine().scalar("SELECT count() FROM mart.decision_versions") == 1


def test_a_build_that_is_refused_reports_nothing(clock: Watch) -> None:
    def refuse(staging: str) -> None:
        raise AuditFailed(f"no: {staging}")

    load(engine(), [Market((installed(),))])
    build_installs_day(engine(), MARCH_10, 1, clock)
    with pytest.raises(AuditFailed):
        build_attribution_day(engine(), OURS, MARCH_10, 1, clock, audit_candidates=refuse)
    with pytest.raises(AuditFailed):
        build_attribution_day(engine(), OURS, MARCH_10, 1, clock, audit_decisions=refuse)
    assert engine().scalar("SELECT count() FROM mart.decision_versions") == 0


def test_two_changes_in_one_millisecond_keep_their_order(clock: Watch) -> None:
    load(engine(), [Market((installed(),))])
    built(clock, [MARCH_10])
    for number, source in enumerate(("one", "two"), start=2):
        touch = Touch(touch_id=source, touch_at=N - HOUR + number, gaid="gaid", media_source=source)
        load(engine(), [Market((), (touch,))])
        built(clock, [MARCH_10], number)
    assert [to for _, _, to in restated()] == ["one", "two"]
    assert reported_at(clock.at_ms + 2) == [("two", 1)]


def test_a_conversion_that_is_gone_is_not_reported_any_more(clock: Watch) -> None:
    load(engine(), [Market((installed(),))])
    built(clock, [MARCH_10])
    earlier = replace(installed(), message_id="early", occurred_at=N - DAY)
    load(engine(), [Market((earlier,))])
    clock.at_ms += 2 * DAY
    built(clock, [date(2026, 3, 9), MARCH_10], 2)
    assert reported_at(clock.at_ms) == [("organic", 2)]
    first, second = (digest("app", "device", number) for number in ("1", "2"))
    rows = engine().rows(
        "SELECT conversion_id, day, is_present FROM mart.decision_history"
        " WHERE known_to IS NULL ORDER BY day, conversion_id"
    )
    assert sorted(rows) == sorted(
        [
            (first, date(2026, 3, 9), True),
            (first, MARCH_10, False),
            (second, MARCH_10, True),
        ]
    )
    assert ("removed", "organic", "") in restated()


def test_changed_decisions_make_the_days_of_their_events_due(clock: Watch) -> None:
    bought = replace(
        installed(), message_id="e", event_name="Order Completed", occurred_at=N + 3 * DAY
    )
    load(engine(), [Market((installed(), bought))])
    built(clock, [MARCH_10])
    clock.at_ms += 1
    build_events_day(engine(), OURS, date(2026, 3, 13), 1, clock)
    mark_built(engine(), ("events",), date(2026, 3, 13), 1, clock.now_ms())
    assert due(engine(), ("events",)) == []
    late = Touch(touch_id="late", touch_at=N - HOUR, gaid="gaid")
    load(engine(), [Market((), (late,))])
    clock.at_ms += HOUR
    built(clock, [MARCH_10], 1)
    assert [one.day for one in due(engine(), ("events",))] == [date(2026, 3, 13)]
    clock.at_ms += 1
    build_events_day(engine(), OURS, date(2026, 3, 13), 1, clock)
    mark_built(engine(), ("events",), date(2026, 3, 13), 1, clock.now_ms())
    assert due(engine(), ("events",)) == []
    assert engine().rows("SELECT media_source FROM mart.attributed_events") == [("network",)]


# --- what if


PRIMARY = "ruleset_id = 'ours'"
TABLES = ("mart.attribution_candidates", "mart.attributed_installs", "mart.decision_versions")


def hashes() -> dict[str, ContentHash]:
    return {table: content_hash(engine(), table, PRIMARY) for table in TABLES}


def test_a_trial_leaves_what_counts_and_its_history_as_they_are(clock: Watch) -> None:
    markets = generate(60, 9)
    load(engine(), markets)
    days = days_of(markets)
    built(clock, days)
    before = hashes()
    seen: list[date] = []
    found = try_ruleset(engine(), OURS, ADJUST, days, 1, clock, after_day=seen.append)
    assert hashes() == before
    assert seen == days
    installs = before["mart.attributed_installs"].row_count
    came_back = sum(one.conversions for one in found.moves if one.to_kind == "re_engagement")
    assert came_back > 0
    assert found.conversions == installs + came_back
    assert came_back < found.moved < found.conversions
    assert sum(base for base, _ in found.per_source().values()) == installs
    assert sum(trial for _, trial in found.per_source().values()) == installs + came_back
    assert engine().scalar(
        "SELECT count() FROM mart.decision_versions WHERE ruleset_id = 'adjust_like'"
    ) == 0  # fmt: skip
    again = try_ruleset(engine(), OURS, ADJUST, days, 1, clock)
    assert again == found, "twice is once"
    assert read_diff(engine(), "ours", "adjust_like", days[0], days[-1]) == found


def test_each_move_has_its_reason_revenue_and_cost(clock: Watch) -> None:
    seen = Touch(
        touch_id="i", touch_type="impression", touch_at=N - HOUR, gaid="gaid", media_source="views",
        cost_model="CPI", cost_value="2.50", cost_currency="USD",
    )  # fmt: skip
    short = Touch(touch_id="c", touch_at=N - 500, gaid="g2", media_source="fast")
    bought = [
        replace(installed(), message_id="e1", event_name="Order Completed", occurred_at=N + HOUR,
                revenue="7.25", currency="EUR"),
        replace(installed(), message_id="e2", event_name="Order Completed", occurred_at=N + DAY,
                revenue="1.00", currency="EUR"),
    ]  # fmt: skip
    markets = [
        Market((replace(installed(), app_id="viewed"), *(replace(b,
        app_id="viewed") for b in bought)),
               (replace(seen, app_id="viewed"),)),
        Market((replace(installed(gaid="g2"), app_id="clicked"),), (replace(short,
        app_id="clicked"),)),
        Market((replace(installed(), app_id="alone"),)),
    ]  # fmt: skip
    load(engine(), markets)
    built(clock, days_of(markets))
    found = try_ruleset(engine(), OURS, ADJUST, [MARCH_10], 1, clock)
    zero = Decimal(0)

    def move(to: tuple[str, str], reason: str, **money: Any) -> Move:
        amounts = {"revenue": zero, "cost": zero, "trial_cost": zero, **money}
        return Move(to[0], to[1], "install", "install", reason, **amounts)

    assert set(found.moves) == {
        move(("views", "organic"), "method_off", currency="", conversions=1),
        move(("views", "organic"), "method_off", currency="EUR", conversions=0,
             revenue=Decimal("8.25")),
        move(("views", "organic"), "method_off", currency="USD", conversions=0,
             cost=Decimal("2.50")),
        move(("organic", "fast"), "fraud_blocked:click_injection.ctit_short", currency="",
             conversions=1),
        move(("organic", "organic"), "unchanged", currency="", conversions=1),
    }  # fmt: skip
    assert found.per_source() == {"fast": (0, 1), "organic": (2, 2), "views": (1, 0)}


def test_a_trial_that_decides_re_engagements_adds_them(clock: Watch) -> None:
    """Also on a day on which nobody installed, so that nothing of it counts."""
    opened = replace(
        installed(), message_id="o", event_name="Application Opened", occurred_at=N + 9 * DAY
    )
    asked = Touch(touch_id="r", touch_at=N + 9 * DAY - HOUR, gaid="gaid", media_source="again",
                  is_retargeting=True)  # fmt: skip
    load(engine(), [Market((installed(), opened), (asked,))])
    days = [MARCH_10, date(2026, 3, 19)]
    built(clock, days)
    before = hashes()
    found = try_ruleset(engine(), None, ADJUST, days, 1, clock)
    zero = Decimal(0)
    assert set(found.moves) == {
        Move("", "again", "", "re_engagement", "not_considered", "", 1, zero, zero, zero),
        Move("organic", "organic", "install", "install", "unchanged", "", 1, zero, zero, zero),
    }
    assert found.base == "ours"
    assert hashes() == before
    assert engine().rows("SELECT toDate(opened_at) FROM mart.openings") == [(days[1],)]


def test_a_trial_with_the_name_of_what_counts_is_refused(clock: Watch) -> None:
    with pytest.raises(TrialRefused, match="another ruleset_id"):
        try_ruleset(engine(), OURS, OURS, [MARCH_10], 1, clock)


def test_a_trial_where_nothing_is_decided_yet_says_so(clock: Watch) -> None:
    with pytest.raises(TrialRefused, match=r"nothing is decided from .* there are none yet"):
        try_ruleset(engine(), OURS, ADJUST, [MARCH_10], 1, clock)
    load(engine(), [Market((installed(),))])
    built(clock, [MARCH_10])
    with pytest.raises(TrialRefused, match="decisions lie from 2026-03-10 to 2026-03-10"):
        try_ruleset(engine(), OURS, ADJUST, [date(2026, 3, 11)], 1, clock)


def test_two_rulesets_of_which_none_counts_are_compared(clock: Watch) -> None:
    markets = generate(40, 9)
    load(engine(), markets)
    days = days_of(markets)
    built(clock, days)
    before = content_of(engine(), decided_spans(()), days[0], days[-1])
    assert before["mart.attributed_installs"].row_count > 0
    found = try_ruleset(engine(), PRESETS["appsflyer_like"], ADJUST, days, 1, clock)
    assert (found.base, found.trial) == ("appsflyer_like", "adjust_like")
    assert found.moved > 0
    assert content_of(engine(), decided_spans(()), days[0], days[-1]) == before
    assert engine().scalar("SELECT uniqExact(ruleset_id) FROM mart.decision_versions") == 1


def test_days_are_counted_with_both_ends() -> None:
    assert days_between(date(2026, 2, 28), date(2026, 3, 1)) == [
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    with pytest.raises(TrialRefused, match="is before"):
        days_between(date(2026, 3, 2), date(2026, 3, 1))
    with pytest.raises(TrialRefused, match="more than"):
        days_between(date(2024, 1, 1), date(2026, 3, 1))


def test_the_plot_shows_both_rulesets(clock: Watch, tmp_path: Path) -> None:
    load(engine(), [Market((installed(),), (Touch(touch_id="c", touch_at=N - HOUR, gaid="gaid"),))])
    built(clock, [MARCH_10])
    found = try_ruleset(engine(), OURS, ADJUST, [MARCH_10], 1, clock)
    plot_whatif(found, tmp_path / "folder" / "moved.svg")
    text = (tmp_path / "folder" / "moved.svg").read_text()
    assert "<svg" in text
