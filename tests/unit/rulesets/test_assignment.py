from datetime import UTC, date, datetime

from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.rulesets.assignment import (
    Promotion,
    Standing,
    all_deciding,
    decided_on,
    decided_spans,
    deciding_on,
    looked_back_on,
    own_spans,
    primary_of,
    standing_of,
)

ADJUST, BRANCH = PRESETS["adjust_like"], PRESETS["branch_like"]


def promotion(number: int, ruleset_id: str, day: int, app_id: str = "") -> Promotion:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Promotion(number, app_id, PRESETS[ruleset_id], date(2026, 3, day), at, "test")


PROMOTIONS = [
    promotion(1, "adjust_like", 10),
    promotion(2, "branch_like", 5, "app"),
    promotion(3, "kochava_like", 20),
    promotion(4, "singular_like", 20),
]


def test_without_a_promotion_ours_decides() -> None:
    assert primary_of([], "app", date(2026, 3, 1)) == OURS
    assert primary_of(PROMOTIONS, "other", date(2026, 3, 9)) == OURS


def test_a_promotion_counts_from_its_day_on() -> None:
    assert primary_of(PROMOTIONS, "other", date(2026, 3, 10)) == ADJUST
    assert primary_of(PROMOTIONS, "other", date(2026, 3, 19)) == ADJUST


def test_of_two_for_one_day_the_one_recorded_last_counts() -> None:
    assert primary_of(PROMOTIONS, "other", date(2026, 3, 20)) == PRESETS["singular_like"]


def test_the_promotion_of_an_app_goes_before_a_later_one_for_every_app() -> None:
    assert primary_of(PROMOTIONS, "app", date(2026, 3, 4)) == OURS
    assert primary_of(PROMOTIONS, "app", date(2026, 3, 25)) == BRANCH


def test_a_day_is_decided_by_every_ruleset_that_counts_for_some_app() -> None:
    assert deciding_on(PROMOTIONS, date(2026, 3, 4)) == (OURS,)
    assert deciding_on(PROMOTIONS, date(2026, 3, 6)) == (OURS, BRANCH)
    assert deciding_on(PROMOTIONS, date(2026, 3, 11)) == (ADJUST, BRANCH)


def test_all_that_decide_on_any_day_are_known_for_the_reach_of_late_touches() -> None:
    assert {one.ruleset_id for one in all_deciding(PROMOTIONS)} == {
        "ours", "adjust_like", "branch_like", "kochava_like", "singular_like",
    }  # fmt: skip


def test_ours_decides_every_day_and_what_counts_comes_last() -> None:
    assert decided_on(PROMOTIONS, date(2026, 3, 4)) == (OURS,)
    assert decided_on(PROMOTIONS, date(2026, 3, 11)) == (OURS, ADJUST, BRANCH)


def test_a_ruleset_counts_for_some_apps_and_not_for_others() -> None:
    day = date(2026, 3, 11)
    assert standing_of(PROMOTIONS, "adjust_like", day) == Standing(True, ("app",))
    assert standing_of(PROMOTIONS, "branch_like", day) == Standing(False, ("app",))
    assert standing_of(PROMOTIONS, "ours", day) == Standing(False)
    assert standing_of([], "ours", day) == Standing(True)
    adjust = standing_of(PROMOTIONS, "adjust_like", day)
    assert (adjust.counts_for("app"), adjust.counts_for("other")) == (False, True)


def test_the_days_of_a_ruleset_end_where_another_one_replaces_it() -> None:
    found = [
        (one.ruleset_id, one.first_day, one.last_day)
        for one in decided_spans(PROMOTIONS)
        if one.ruleset_id in ("adjust_like", "kochava_like", "singular_like")
    ]
    assert found == [
        ("adjust_like", date(2026, 3, 10), date(2026, 3, 19)),
        ("singular_like", date(2026, 3, 20), date(2149, 6, 6)),
    ]
    assert [one.ruleset_id for one in decided_spans([])] == ["ours"]


def test_days_before_a_promotion_are_taken_from_what_counted_then() -> None:
    days = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 20)]
    assert looked_back_on(PROMOTIONS, "adjust_like", days) == [
        ("ours", days[0]), ("adjust_like", days[1]), ("singular_like", days[2]),
    ]  # fmt: skip
    assert looked_back_on(PROMOTIONS, "a_trial", days) == [("a_trial", day) for day in days]


def test_a_ruleset_that_was_taken_back_made_its_decisions_since_its_promotion() -> None:
    back = [promotion(1, "adjust_like", 10), promotion(2, "ours", 10)]
    (span,) = own_spans(back, "adjust_like")
    assert (span.first_day, span.last_day) == (date(2026, 3, 10), date(2149, 6, 6))
    assert decided_on(back, date(2026, 3, 11)) == (OURS,)
