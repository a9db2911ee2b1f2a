"""A promoted ruleset decides from its day on; nothing before it moves, and it can be taken back.

One story is played once, and what could be seen after each chapter is kept: the tests only look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, load
from tests.market.model import DAY, HOUR, Event, Touch, at
from unmogrowp.attribution.build import DECISIONS, build_attribution_day, build_installs_day
from unmogrowp.attribution.events import EVENTS, build_events_day
from unmogrowp.attribution.explain import explain
from unmogrowp.attribution.primary import ruleset_that_counts, rulesets_to_build
from unmogrowp.attribution.whatif import TrialRefused, WhatIf, try_ruleset
from unmogrowp.audits import identities
from unmogrowp.audits.counting import Span
from unmogrowp.fraud.baselines import BASELINES, freeze_baseline
from unmogrowp.fraud.build import count_publishers
from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.rulesets.assignment import Promotion, decided_on, decided_spans
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

NOON = at("2026-03-09T12:00:00")
ADJUST = PRESETS["adjust_like"]
DAYS = [date(2026, 3, number) for number in (9, 10, 11)]
BEFORE, SINCE = DAYS[:1], DAYS[1:]
SPAN = Span(NOON - DAY, NOON + 30 * DAY)
Rows = list[tuple[Any, ...]]


def promotion(number: int, ruleset_id: str, app_id: str = "") -> Promotion:
    when = datetime(2026, 3, 28, tzinfo=UTC)
    return Promotion(number, app_id, PRESETS[ruleset_id], SINCE[0], when, "ada")


PROMOTED = (promotion(1, "adjust_like"),)
TAKEN_BACK = (*PROMOTED, promotion(2, "ours"))
FOR_ONE_APP = (*TAKEN_BACK, promotion(3, "adjust_like", "other"))


class Watch:
    """A clock that ticks whenever it is read."""

    at_ms = NOON + 20 * DAY

    def now_ms(self) -> int:
        self.at_ms += 1
        return self.at_ms


def market(app_id: str) -> Market:
    """On each day one install after a view and one after a click; all buy on the last day.

    Ours gives the first to the view, adjust_like, which counts no views, leaves it organic.
    """
    events, touches = [], []
    for number in range(len(DAYS)):
        installed_at = NOON + number * DAY
        for kind in ("view", "click"):
            name = f"{kind}{number}"
            one = Event(
                app_id=app_id, message_id=name, device_key=name, gaid=name, occurred_at=installed_at
            )
            bought = replace(
                one, message_id=f"buy-{name}", event_name="Order Completed", revenue="1.25",
                currency="EUR", occurred_at=NOON + (len(DAYS) - 1) * DAY + HOUR,
            )  # fmt: skip
            events += [one, bought]
            touches.append(
                Touch(
                    app_id=app_id,
                    touch_id=f"{app_id}-{name}",
                    gaid=name,
                    media_source=f"{kind}s",
                    touch_type="impression" if kind == "view" else "click",
                    touch_at=installed_at - HOUR,
                )
            )
    return Market(tuple(events), tuple(touches))


def build(promotions: Sequence[Promotion], watch: Watch) -> None:
    for day in DAYS:
        for ruleset in rulesets_to_build(engine(), DECISIONS, promotions, day):
            build_attribution_day(engine(), ruleset, day, 1, watch, promotions=promotions)
    for day in DAYS:
        for ruleset in rulesets_to_build(engine(), EVENTS, promotions, day):
            build_events_day(engine(), ruleset, day, 1, watch, promotions=promotions)


def differences(promotions: Sequence[Promotion]) -> dict[str, set[Decimal | int]]:
    found: dict[str, set[Decimal | int]] = {}
    for identity in (identities.installs, identities.revenue):
        for one in identity(engine(), SPAN, decided_spans(promotions), frozenset())[0]:
            found.setdefault(one.scope, set()).add(one.difference)
    return found


@dataclass(frozen=True)
class Seen:
    """What anybody can see of the tables at one time."""

    old_days: list[ContentHash]
    what_counts: list[ContentHash]
    counted: Rows
    decisions_that_count: Rows
    orders: Rows
    differences: dict[str, set[Decimal | int]]


def look(promotions: Sequence[Promotion]) -> Seen:
    tables = {"mart.attributed_installs": "installed_at", "mart.attributed_events": "occurred_at"}
    return Seen(
        [
            content_hash(engine(), table, "toDate(installed_at) = {day:Date}", {"day": BEFORE[0]})
            for table in ("mart.attributed_installs", "mart.attribution_candidates")
        ],
        [content_hash(engine(), table, "is_primary") for table in tables],
        engine().rows(
            "SELECT app_id, toDate(installed_at) AS day, groupUniqArray(toString(ruleset_id)),"
            " arraySort(groupArray(toString(media_source))) FROM mart.attributed_installs"
            " WHERE is_primary GROUP BY app_id, day ORDER BY app_id, day"
        ),
        engine().rows(
            "SELECT n, count() FROM (SELECT countIf(is_primary) AS n FROM mart.attributed_installs"
            " GROUP BY app_id, install_id) GROUP BY n"
        ),
        engine().rows(
            "SELECT message_id, toString(ruleset_id), is_primary, toString(media_source)"
            " FROM mart.attributed_events WHERE app_id = 'other'"
            " AND startsWith(message_id, 'buy-view') ORDER BY message_id, ruleset_id"
        ),
        differences(promotions),
    )


@dataclass(frozen=True)
class Story:
    """What was seen after each chapter."""

    at_first: Seen
    not_built: dict[str, set[Decimal | int]]
    promoted: Seen
    history: Rows
    restated: Rows
    ours_tried: WhatIf
    ours_tried_on_new_days: WhatIf
    adjust_tried: WhatIf
    refusals: list[str]
    after_trials: list[ContentHash]
    explained: Rows
    baselines: dict[str, int]
    named: list[str]
    taken_back: Seen
    for_one_app: Seen


def refusal(trial: Any, days: list[date], watch: Watch) -> str:
    with pytest.raises(TrialRefused) as caught:
        try_ruleset(engine(), None, trial, days, 1, watch, promotions=PROMOTED)
    return str(caught.value)


def explained_by() -> Rows:
    found = []
    for day in DAYS:
        ((install_id,),) = engine().rows(
            "SELECT install_id FROM mart.installs WHERE toDate(installed_at) = {day:Date}"
            " AND app_id = 'app' AND startsWith(source_message_id, 'view')",
            {"day": day},
        )
        story = explain(engine(), install_id)
        found.append(
            (story.install["ruleset_id"], story.install["media_source"], len(story.candidates))
        )
    return found


def frozen(watch: Watch) -> dict[str, int]:
    """Return how many installs of an app the baselines of the day after rest on."""
    for day in DAYS:
        for ruleset in decided_on(PROMOTED, day):
            count_publishers(engine(), ruleset, day, 1, watch, promotions=PROMOTED)
    next_day = date(2026, 3, 12)
    for ruleset in decided_on(PROMOTED, next_day):
        assert freeze_baseline(engine(), ruleset, next_day, 1, watch, promotions=PROMOTED)
    return dict(
        engine().rows(
            f"SELECT toString(ruleset_id), install_count FROM {BASELINES}"
            " WHERE scope = 'app' AND app_id = 'app'"
        )
    )


@pytest.fixture(scope="module")
def story() -> Story:
    empty_tables(engine())
    load(engine(), [market("app"), market("other")])
    watch = Watch()
    for day in DAYS:
        build_installs_day(engine(), day, 1, watch)
    build((), watch)
    at_first, not_built, promoted_ms = look(()), differences(PROMOTED), watch.at_ms
    build(PROMOTED, watch)
    promoted = look(PROMOTED)
    history = engine().rows(
        "SELECT toString(ruleset_id), toString(media_source), is_primary,"
        " known_from <= fromUnixTimestamp64Milli({at:Int64}, 'UTC'), known_to IS NULL"
        " FROM mart.decision_history"
        " WHERE app_id = 'app' AND day = {day:Date} AND conversion_id ="
        " (SELECT install_id FROM mart.installs"
        "  WHERE app_id = 'app' AND source_message_id = 'view2') ORDER BY known_from",
        {"at": promoted_ms, "day": DAYS[2]},
    )
    restated = engine().rows(
        "SELECT change, toString(ruleset_id), count(), uniqExact(day)"
        " FROM audit.decision_restatements GROUP BY change, ruleset_id ORDER BY ruleset_id"
    )
    tried = [
        try_ruleset(engine(), None, trial, days, 1, watch, promotions=PROMOTED)
        for trial, days in ((OURS, DAYS), (OURS, SINCE), (ADJUST, DAYS))
    ]
    renamed = ADJUST.model_copy(update={"rules": ADJUST.rules[:2]})
    refusals = [refusal(ADJUST, SINCE, watch), refusal(renamed, DAYS, watch)]
    after_trials, explained = look(PROMOTED).what_counts, explained_by()
    baselines = frozen(watch)
    named = [ruleset_that_counts(engine(), day) for day in (None, *DAYS)]
    build(TAKEN_BACK, watch)
    taken_back = look(TAKEN_BACK)
    build(FOR_ONE_APP, watch)
    return Story(
        at_first, not_built, promoted, history, restated, *tried, refusals,
        after_trials, explained, baselines, named, taken_back, look(FOR_ONE_APP),
    )  # fmt: skip


def under(ruleset_id: str, days: Sequence[date], app_id: str) -> Rows:
    sources = ["clicks", "views"] if ruleset_id == "ours" else ["clicks", "organic"]
    return [(app_id, day, [ruleset_id], sources) for day in days]


def test_from_its_day_on_the_promoted_ruleset_decides(story: Story) -> None:
    assert story.at_first.counted == under("ours", DAYS, "app") + under("ours", DAYS, "other")
    assert story.promoted.counted == [
        row
        for app_id in ("app", "other")
        for row in (*under("ours", BEFORE, app_id), *under("adjust_like", SINCE, app_id))
    ]


def test_days_before_the_promotion_stay_as_they_were(story: Story) -> None:
    assert story.at_first.old_days[0].row_count == 4
    assert story.promoted.old_days == story.at_first.old_days


def test_every_install_has_exactly_one_decision_that_counts(story: Story) -> None:
    for seen in (story.at_first, story.promoted, story.taken_back, story.for_one_app):
        assert seen.decisions_that_count == [(1, 12)]


def test_what_counted_until_when_is_in_the_history(story: Story) -> None:
    assert story.history == [
        ("ours", "views", True, True, False),
        ("ours", "views", False, False, True),
        ("adjust_like", "organic", True, False, True),
    ]
    # Two apps, two installs each, two days.
    assert story.restated == [("added", "adjust_like", 8, 2), ("counts_no_more", "ours", 8, 2)]


def test_both_sides_of_every_identity_are_equal_by_ruleset_and_for_what_counts(
    story: Story,
) -> None:
    ours = {"ours": {0}, "ours EUR": {0}, "(primary)": {0}, "(primary) EUR": {0}}
    adjust = {"adjust_like": {0}, "adjust_like EUR": {0}}
    assert story.at_first.differences == ours
    assert story.not_built["adjust_like"] == {-2}, "promoted, and no day is built yet"
    assert story.promoted.differences == ours | adjust
    assert story.taken_back.differences == ours
    assert story.for_one_app.differences == ours | adjust


def test_events_inherit_from_what_counts_on_the_day_of_their_install(story: Story) -> None:
    assert story.promoted.orders == [
        ("buy-view0", "adjust_like", True, "views"),
        ("buy-view0", "ours", False, "views"),
        ("buy-view1", "adjust_like", True, "organic"),
        ("buy-view1", "ours", False, "views"),
        ("buy-view2", "adjust_like", True, "organic"),
        ("buy-view2", "ours", False, "views"),
    ]


def test_promoting_back_restores_what_counted_before(story: Story) -> None:
    assert story.promoted.what_counts != story.at_first.what_counts
    assert story.taken_back.what_counts == story.at_first.what_counts
    assert story.taken_back.counted == story.at_first.counted


def test_one_app_may_be_decided_otherwise_than_the_others(story: Story) -> None:
    assert story.for_one_app.counted == [
        *under("ours", DAYS, "app"),
        *under("ours", BEFORE, "other"),
        *under("adjust_like", SINCE, "other"),
    ]
    assert story.for_one_app.orders == story.promoted.orders


def test_a_trial_is_compared_with_what_counts_on_each_day(story: Story) -> None:
    found = story.ours_tried
    assert (found.base, found.conversions, found.moved) == ("adjust_like, ours", 12, 4)
    assert found.per_source() == {"clicks": (6, 6), "organic": (4, 0), "views": (2, 6)}
    later = story.ours_tried_on_new_days
    assert (later.base, later.conversions, later.moved) == ("adjust_like", 8, 4)
    # What is promoted moves days before it; on its own days it is compared with itself.
    earlier = story.adjust_tried
    assert (earlier.conversions, earlier.moved) == (12, 2)
    assert story.after_trials == story.promoted.what_counts


def test_a_trial_of_what_counts_or_of_its_name_is_refused(story: Story) -> None:
    same, renamed = story.refusals
    assert "compared with itself" in same
    assert "with other rules" in renamed


def test_an_install_is_explained_by_the_decision_that_counts(story: Story) -> None:
    assert story.explained == [
        ("ours", "views", 1), ("adjust_like", "organic", 1), ("adjust_like", "organic", 1),
    ]  # fmt: skip


def test_fraud_looks_back_on_what_counted_before_the_promotion(story: Story) -> None:
    # Two credited installs a day under ours, one under adjust_like, which has none of the 9th.
    assert story.baselines == {"ours": 6, "adjust_like": 4}


def test_the_ruleset_that_counts_is_known_without_the_control_database(story: Story) -> None:
    assert story.named == ["adjust_like", "ours", "adjust_like", "adjust_like"]
