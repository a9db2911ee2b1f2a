"""The review queue: decisions are added, the latest counts, each can be taken back."""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from tests.engine import empty_tables, engine
from tests.integration.fraud.rows import DAY, START, day, insert
from unmogrowp.attribution.touched_days import due, mark_built
from unmogrowp.fraud.reviews import ReviewRefused, decide, find, findings, restatable_days
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.warehouse.client import Warehouse

TODAY = 40


class Today:
    def now_ms(self) -> int:
        return START + TODAY * DAY + 1


def load(*verdicts: tuple[str, str, int], mode: str = "flag") -> Warehouse:
    """Put verdicts (site, rule, day) and a candidate of each site on every day into the tables."""
    warehouse = engine()
    empty_tables(warehouse)
    add_verdicts(warehouse, *verdicts, mode=mode)
    sites = sorted({site for site, _, _ in verdicts} | {"innocent"})
    rows = [(site, number) for site in sites for number in range(TODAY)]
    insert(
        warehouse,
        "mart.attribution_candidates",
        [
            ("ruleset_id", pa.string(), ["ours"] * len(rows)),
            ("app_id", pa.string(), ["app"] * len(rows)),
            ("media_source", pa.string(), ["net"] * len(rows)),
            ("site_id", pa.string(), [site for site, _ in rows]),
            ("install_id", pa.string(), [f"{site}-{n}" for site, n in rows]),
            ("installed_at", pa.timestamp("ms", tz="UTC"), [START + n * DAY for _, n in rows]),
        ],
    )
    return warehouse


def add_verdicts(warehouse: Warehouse, *verdicts: tuple[str, str, int], mode: str = "flag") -> None:
    count = len(verdicts)
    insert(
        warehouse,
        "mart.fraud_verdicts",
        [
            ("ruleset_id", pa.string(), ["ours"] * count),
            ("scope", pa.string(), ["publisher"] * count),
            ("mode", pa.string(), [mode] * count),
            ("app_id", pa.string(), ["app"] * count),
            ("media_source", pa.string(), ["net"] * count),
            ("site_id", pa.string(), [site for site, _, _ in verdicts]),
            ("rule", pa.string(), [rule for _, rule, _ in verdicts]),
            ("day", pa.date32(), [day(number) for _, _, number in verdicts]),
            ("value", pa.float64(), [float(number) for _, _, number in verdicts]),
            ("threshold", pa.float64(), [0.35] * count),
            ("sentence", pa.string(), ["It is so."] * count),
        ],
    )


FLAT = "click_flood.flat_ctit"


def settle(warehouse: Warehouse, site: str, action: Any, **fields: Any):
    (one,) = [one for one in findings(warehouse, "ours", ALL) if one.site_id == site]
    return decide(
        warehouse,
        "ours",
        one,
        action,
        by="somebody",
        reason="looked at it",
        clock=Today(),
        **{"restatable": restatable_days([OURS]), **fields},
    )


ALL = ("open", "confirmed", "dismissed")


def only(warehouse: Warehouse, site: str = "s"):
    (one,) = [one for one in findings(warehouse, "ours", ALL) if one.site_id == site]
    return one


def test_verdicts_of_many_days_are_one_finding_with_the_latest_value():
    warehouse = load(("s", FLAT, 20), ("s", FLAT, 22), ("t", FLAT, 21), ("s", "mtti_outlier", 20))
    found = findings(warehouse, "ours")
    assert [(one.site_id, one.rule, one.day_count, one.value) for one in found] == [
        ("s", FLAT, 2, 22.0), ("t", FLAT, 1, 21.0), ("s", "mtti_outlier", 1, 20.0),
    ]  # fmt: skip
    assert (found[0].first_day, found[0].last_day) == (day(20), day(22))
    assert {one.state for one in found} == {"open"}
    assert len({one.review_id for one in found}) == 3


def test_verdicts_in_shadow_ask_nobody():
    assert findings(load(("s", FLAT, 20), mode="shadow"), "ours", ALL) == []


def test_a_confirmation_makes_the_days_behind_the_verdicts_due_and_no_others():
    warehouse = load(("s", FLAT, 30), ("s", FLAT, 31))
    mark_built(warehouse, ("installs", "attribution"), day(30), 0, 0)
    done = settle(warehouse, "s", "confirm")
    # A verdict of day 30 is about days 24 to 30.
    assert (done.first_day, done.last_day) == (day(24), day(31))
    assert done.touched_days == tuple(day(number) for number in range(24, 32))
    assert [(one.mart, one.day) for one in due(warehouse, ("installs", "attribution"))] == [
        ("attribution", one) for one in done.touched_days
    ]
    # They are ready: the decision has a number of the ledger of its own.
    assert {one.touched for one in due(warehouse, ("installs", "attribution"))} == {
        Ledger(warehouse).watermark()
    }
    assert only(warehouse).state == "confirmed"


def test_installs_older_than_35_days_are_not_restated():
    warehouse = load(("s", FLAT, 6))
    done = settle(warehouse, "s", "confirm")
    assert done.first_day == day(0)
    assert done.touched_days == (day(5), day(6))
    assert day(TODAY) - done.touched_days[0] == timedelta(days=35)


def test_how_long_installs_are_restated_is_what_the_rulesets_say():
    def ours(rules):
        return Ruleset.model_validate({**OURS.model_dump(mode="json"), "fraud": rules})

    short = {"rule_id": "post_attribution", "mode": "block", "parameters": {"max_days": 3}}
    long = {**short, "parameters": {"max_days": 50}}
    assert restatable_days([OURS]) == 35
    assert restatable_days([ours([short])]) == 3
    assert restatable_days([ours([short]), ours([long])]) == 50
    assert restatable_days([ours([{**short, "mode": "shadow"}])]) == 0
    warehouse = load(("s", FLAT, 38))
    done = settle(warehouse, "s", "confirm", restatable=3)
    assert done.touched_days == (day(37), day(38))


def test_installs_that_a_decision_restates_are_listed_with_its_cause():
    warehouse = load(("s", FLAT, 30))
    insert(
        warehouse,
        "mart.installs",
        [
            ("app_id", pa.string(), ["app"] * 4),
            ("install_id", pa.string(), ["s-29", "s-31", "innocent-29", "other"]),
            ("device_key", pa.string(), ["d1", "d2", "d3", "d4"]),
            ("source_message_id", pa.string(), ["m1", "m2", "m3", "m4"]),
            ("ordinal", pa.uint32(), [1, 1, 2, 1]),
            (
                "installed_at",
                pa.timestamp("ms", tz="UTC"),
                [START + n * DAY for n in (29, 31, 29, 29)],
            ),
        ],
    )
    settle(warehouse, "s", "confirm")
    settle(warehouse, "s", "undo")
    assert warehouse.rows(
        "SELECT install_id, day, source_message_id, from_component, to_ordinal, reason, caused_by"
        " FROM audit.restatements ORDER BY reason"
    ) == [
        ("s-29", day(29), "m1", "d1", 1, reason, only(warehouse).review_id)
        for reason in ("fraud_confirm", "fraud_undo")
    ]


def test_a_span_can_be_given_by_hand():
    warehouse = load(("s", FLAT, 30))
    done = settle(warehouse, "s", "confirm", first_day=day(29), last_day=day(33))
    assert done.touched_days == tuple(day(number) for number in range(29, 34))


def test_an_undone_confirmation_makes_the_same_days_due_again_and_opens_the_finding():
    warehouse = load(("s", FLAT, 30))
    confirmed = settle(warehouse, "s", "confirm", first_day=day(27), last_day=day(29))
    for one in confirmed.touched_days:
        mark_built(warehouse, ("attribution",), one, Ledger(warehouse).watermark(), 0)
    assert due(warehouse, ("installs", "attribution")) == []
    undone = settle(warehouse, "s", "undo")
    assert undone.touched_days == confirmed.touched_days
    assert {one.day for one in due(warehouse, ("installs", "attribution"))} == set(
        confirmed.touched_days
    )
    assert only(warehouse).state == "open"


def test_a_dismissal_restates_nothing_and_hides_the_finding_until_more_is_found():
    warehouse = load(("s", FLAT, 30))
    assert settle(warehouse, "s", "dismiss").touched_days == ()
    assert findings(warehouse, "ours") == []
    assert [one.state for one in findings(warehouse, "ours", ("dismissed",))] == ["dismissed"]
    assert due(warehouse, ("installs", "attribution")) == []
    add_verdicts(warehouse, ("s", FLAT, 31))
    assert only(warehouse).state == "open"
    assert only(warehouse).action == "dismiss"


def test_dismissing_what_was_confirmed_restates_its_days():
    warehouse = load(("s", FLAT, 30))
    settle(warehouse, "s", "confirm", first_day=day(20), last_day=day(22))
    assert settle(warehouse, "s", "dismiss").touched_days == tuple(
        day(number) for number in range(20, 31)
    )


def test_every_decision_stays_and_the_latest_counts():
    warehouse = load(("s", FLAT, 30))
    for action in ("confirm", "undo", "dismiss", "undo", "confirm"):
        settle(warehouse, "s", action)
    assert only(warehouse).state == "confirmed"
    assert warehouse.rows(
        "SELECT decision_number, action, decided_by, reason FROM audit.fraud_reviews"
        " ORDER BY decision_number"
    ) == [
        (number, action, "somebody", "looked at it")
        for number, action in enumerate(("confirm", "undo", "dismiss", "undo", "confirm"), 1)
    ]


def test_a_decision_stays_in_sight_when_its_finding_is_gone():
    warehouse = load(("s", FLAT, 30))
    settle(warehouse, "s", "confirm")
    warehouse.execute("TRUNCATE TABLE mart.fraud_verdicts")
    gone = only(warehouse)
    assert (gone.state, gone.day_count, gone.value) == ("confirmed", 0, 30.0)
    assert settle(warehouse, "s", "undo").touched_days == tuple(
        day(number) for number in range(24, 31)
    )


@pytest.mark.parametrize(
    ("action", "fields", "message"),
    [
        ("confirm", {"reason": "  "}, "say why"),
        ("undo", {}, "no decision about"),
        (
            "confirm",
            {"first_day": date(2026, 3, 2), "last_day": date(2026, 3, 1)},
            "no span of days",
        ),
        ("confirm", {"restatable": 0}, "would move nothing"),
    ],
    ids=[
        "without a reason",
        "nothing to undo",
        "days the wrong way round",
        "rules that ignore it",
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(action, fields, message):
    warehouse = load(("s", FLAT, 30))
    with pytest.raises(ReviewRefused, match=message):
        decide(
            warehouse, "ours", only(warehouse), action,
            **{
                "by": "somebody", "reason": "why not", "clock": Today(), "restatable": 35, **fields
            },
        )  # fmt: skip
    assert warehouse.scalar("SELECT count() FROM audit.fraud_reviews") == 0


def test_an_undone_decision_cannot_be_undone_again():
    warehouse = load(("s", FLAT, 30))
    settle(warehouse, "s", "confirm")
    settle(warehouse, "s", "undo")
    with pytest.raises(ReviewRefused, match="no decision about"):
        settle(warehouse, "s", "undo")


def test_a_finding_is_found_by_the_beginning_of_its_id_if_that_is_enough():
    warehouse = load(("s", FLAT, 30), ("t", FLAT, 30))
    one = only(warehouse)
    assert find(warehouse, "ours", one.review_id[:6]) == one
    for beginning in (one.review_id[:2], "", "zzzz"):
        with pytest.raises(ReviewRefused, match="have an id that begins with"):
            find(warehouse, "ours", beginning)
