"""What would move if a rule blocked, from kept verdicts alone."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest

from tests.engine import empty_tables, engine
from tests.integration.fraud.rows import DAY, START, Decided, day, insert, insert_decided
from unmogrowp.attribution.snapshots import record_ruleset
from unmogrowp.fraud.plot import shadow_plot
from unmogrowp.fraud.shadow import Move, NothingKept, shadow_report
from unmogrowp.rulesets import OURS, FraudRule
from unmogrowp.warehouse.client import Warehouse

RULE = "hyper_engagement"
FLAT = "click_flood.flat_ctit"
_INSTANT = pa.timestamp("ms", tz="UTC")
_VERDICTS = pa.list_(
    pa.struct(
        [("rule", pa.string()), ("mode", pa.string()), ("value", pa.float64()),
         ("threshold", pa.float64())]
    )
)  # fmt: skip

# install -> candidates in rank order: (source, site, whether the rule found it, cost)
Story = dict[str, list[tuple[str, str, bool, str | None]]]
STORY: Story = {
    "falls_to_the_next": [("bad", "s1", True, "2.5"), ("good", "s2", False, "1")],
    "falls_past_another_found_one": [
        ("bad", "s1", True, "0.5"), ("worse", "s9", True, None), ("good", "s2", False, None),
    ],
    "falls_to_organic": [("bad", "s1", True, None)],
    "stays": [("good", "s2", False, "1"), ("bad", "s1", True, "1")],
    "stays_too": [("bad", "s3", False, "1")],
}  # fmt: skip


def load(story: Story, mode: str = "flag", number: int = 3) -> Warehouse:
    warehouse = engine()
    empty_tables(warehouse)
    others = [one for one in OURS.fraud if one.rule_id != RULE]
    ruleset = OURS.model_copy(update={"fraud": (*others, FraudRule(rule_id=RULE, mode=mode))})
    record_ruleset(warehouse, ruleset, 0)
    installed_at = START + number * DAY
    rows = [
        (install, rank, *one)
        for install, considered in story.items()
        for rank, one in enumerate(considered, 1)
    ]
    insert_decided(
        warehouse,
        [
            Decided(install_id=install, installed_at=installed_at, media_source=one[0][0])
            for install, one in story.items()
        ],
    )
    warehouse.execute(
        "ALTER TABLE mart.attributed_installs UPDATE config_hash = {hash:String} WHERE 1"
        " SETTINGS mutations_sync = 2",
        {"hash": ruleset.config_hash},
    )
    found = {"rule": RULE, "mode": mode, "value": 21.0, "threshold": 20.0}
    touch_ids = [f"{install}-{rank}" for install, rank, *_ in rows]
    insert(
        warehouse,
        "mart.attribution_candidates",
        [
            ("ruleset_id", pa.string(), ["ours"] * len(rows)),
            ("app_id", pa.string(), ["app"] * len(rows)),
            ("install_id", pa.string(), [row[0] for row in rows]),
            ("installed_at", _INSTANT, [installed_at] * len(rows)),
            ("touch_id", pa.string(), touch_ids),
            ("rank", pa.uint32(), [row[1] for row in rows]),
            ("media_source", pa.string(), [row[2] for row in rows]),
            ("site_id", pa.string(), [row[3] for row in rows]),
            (
                "fraud_verdicts",
                _VERDICTS,
                [[found] if row[4] else [] for row in rows],
            ),
        ],
    )
    priced = [(touch, row[5]) for touch, row in zip(touch_ids, rows, strict=True) if row[5]]
    insert(
        warehouse,
        "clean.touches",
        [
            ("app_id", pa.string(), ["app"] * len(priced)),
            ("touch_id", pa.string(), [touch for touch, _ in priced]),
            ("touch_at", _INSTANT, [installed_at - 1000] * len(priced)),
            ("received_at", _INSTANT, [installed_at - 900] * len(priced)),
            ("cost_value", pa.decimal128(38, 9), [Decimal(str(cost)) for _, cost in priced]),
            ("cost_currency", pa.string(), ["EUR"] * len(priced)),
        ],
    )
    return warehouse


def report_of(warehouse: Warehouse, rule: str = RULE, number: int = 3):
    return shadow_report(warehouse, "ours", rule, day(number), day(number))


def test_installs_and_cost_move_to_the_next_candidate_that_the_rule_did_not_find():
    report = report_of(load(STORY))
    assert report.moves == (
        Move("app", "bad", "good", 2, {"EUR": Decimal("3.000000000")}),
        Move("app", "bad", "organic", 1, {}),
    )
    assert (report.moved_count, report.costs) == (3, {"EUR": Decimal("3.000000000")})
    assert report.changes() == [("bad", 4, 1), ("good", 1, 3), ("organic", 0, 1)]


def test_a_finding_about_a_publisher_moves_what_it_won_in_the_days_behind_it():
    warehouse = load(
        {name: [(*one[:2], False, one[3]) for one in row] for name, row in STORY.items()}
    )
    found = [("net", "s1", day(9)), ("bad", "s1", day(9)), ("bad", "s3", day(10))]
    insert(
        warehouse,
        "mart.fraud_verdicts",
        [
            ("ruleset_id", pa.string(), ["ours"] * len(found)),
            ("scope", pa.string(), ["publisher"] * len(found)),
            ("app_id", pa.string(), ["app"] * len(found)),
            ("media_source", pa.string(), [one[0] for one in found]),
            ("site_id", pa.string(), [one[1] for one in found]),
            ("day", pa.date32(), [one[2] for one in found]),
            ("rule", pa.string(), [FLAT] * len(found)),
        ],
    )
    # A verdict of day 9 is about days 3 to 9; that of day 10 begins a day later.
    assert [(move.to_source, move.install_count) for move in report_of(warehouse, FLAT).moves] == [
        ("good", 1), ("organic", 1), ("worse", 1),
    ]  # fmt: skip


def test_a_finding_about_an_install_makes_it_organic():
    warehouse = load(STORY)
    insert(
        warehouse,
        "mart.fraud_verdicts",
        [
            ("ruleset_id", pa.string(), ["ours"]),
            ("scope", pa.string(), ["install"]),
            ("app_id", pa.string(), ["app"]),
            ("install_id", pa.string(), ["stays"]),
            ("day", pa.date32(), [day(3)]),
            ("rule", pa.string(), ["ip_density"]),
        ],
    )
    assert report_of(warehouse, "ip_density").moves == (
        Move("app", "good", "organic", 1, {"EUR": Decimal("1.000000000")}),
    )


def test_other_days_do_not_count():
    warehouse = load(STORY)
    with pytest.raises(NothingKept, match="no install is decided by ours"):
        report_of(warehouse, number=4)


@pytest.mark.parametrize(("mode", "says"), [("off", "is off"), ("block", "blocks already")])
def test_a_rule_that_kept_nothing_says_so_instead_of_showing_nothing(mode, says):
    with pytest.raises(NothingKept, match=says):
        report_of(load(STORY, mode=mode))


def test_an_unknown_rule_is_named():
    with pytest.raises(ValueError, match="there is no fraud rule hyper"):
        report_of(load(STORY), "hyper")


def test_the_report_is_json_and_a_plot():
    report = report_of(load(STORY))
    body = json.loads(json.dumps(report.as_json()))
    assert body["moved_installs"] == 3
    assert body["installs"] == 5
    assert body["moved_cost"] == {"EUR": "3.000000000"}
    assert body["sources"][0] == {"source": "bad", "now": 4, "then": 1}
    plot = shadow_plot(report)
    assert plot.startswith("<svg")
    assert "4 → 1 (-3)" in plot


def test_names_of_sources_cannot_break_out_of_the_plot():
    warehouse = load({"i": [("<script>" + "x" * 40, "s", True, None)]})
    plot = shadow_plot(report_of(warehouse))
    assert "<script>" not in plot
    assert "&lt;script&gt;" in plot
