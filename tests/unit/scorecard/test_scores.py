"""Scores of a handful of installs, counted by hand."""

from xml.etree import ElementTree

import polars as pl
import pytest

from unmogrowp.scorecard import credit, decisions, fraud
from unmogrowp.scorecard.markdown import render_markdown
from unmogrowp.scorecard.model import Scorecard, Share
from unmogrowp.scorecard.plot import share_plot, standalone
from unmogrowp.scorecard.pooling import pool
from unmogrowp.scorecard.report import render_html
from unmogrowp.scorecard.truth import Truth

# message id, caused by, evidence, cause touch | decided for, match type, touch
CASES = [
    ("a", "north", "click_id", "t1", "north", "click_id", "t1"),
    ("b", "north", "click_id", "t2", "north", "device_id", "t9"),
    ("c", "north", "device_id", "t3", "south", "device_id", "t8"),
    ("d", "south", "none", "", "organic", "organic", ""),
    ("e", "organic", "", "", "organic", "organic", ""),
    ("f", "organic", "", "", "south", "device_id", "t7"),
    ("g", "made up", "", "", "south", "click_id", "t6"),
    ("h", "made up", "", "", "organic", "organic", ""),
]
FRAUD = {
    "t6": "device_farm",
    "t7": "click_flooding",
    "t8": "click_flooding",
    "t5": "click_stacking",
}


def truth(journeys=None):
    kinds = {"made up": "device_farm"}
    return Truth(
        {"seed": 1, "shape": "tiny", "users": 8, "days": 1},
        pl.DataFrame(
            [
                {
                    "message_id": one[0],
                    "kind": kinds.get(one[1], "install"),
                    "device_id": f"d{one[0]}",
                    "installed_at": 86_400_000 + 1_000 * n,
                    "caused_by": one[1],
                    "evidence": one[2],
                    "cause_touch_id": one[3],
                }
                for n, one in enumerate(CASES)
            ]
        ),
        pl.DataFrame(
            [
                {
                    "touch_id": f"t{n}",
                    "media_source": "south" if n > 4 else "north",
                    "site_id": "cheap" if f"t{n}" in FRAUD else "good",
                    "fraud": FRAUD.get(f"t{n}", ""),
                    "is_retargeting": False,
                    "device_id": f"d{'abc'[n % 3]}",
                    "touch_at": 86_000_000 + n,
                }
                for n in range(1, 10)
            ]
        ),
        journeys
        if journeys is not None
        else pl.DataFrame(
            {
                "message_id": ["a", "b", "c", "d", "e", "f"],
                "media_source": ["north", "north", "north", "south", "(organic)", "(organic)"],
                "contribution": [1.0] * 6,
            }
        ),
        pl.DataFrame(
            {"touch_id": ["t1", "t2", "t3", "t4"], "is_delivered": [True, True, True, False]}
        ),
    )


def decided():
    return pl.DataFrame(
        [
            {
                "message_id": one[0],
                "install_id": f"i{one[0]}",
                "media_source": one[4],
                "is_organic": one[4] == "organic",
                "match_type": "" if one[4] == "organic" else one[5],
                "touch_id": one[6],
                "config_hash": "x",
            }
            for one in CASES
        ]
    )


@pytest.fixture
def rows():
    return decisions.judged(truth(), decided())


def test_precision_by_match_type_counts_networks_and_touches(rows):
    scores = {one.subject: one for one in decisions.by_match_type(rows)}
    assert scores["click_id"].precision == Share(1, 2)
    assert scores["click_id"].exact == Share(1, 2)
    assert scores["device_id"].precision == Share(1, 3)
    assert scores["device_id"].exact == Share(0, 3)
    assert scores["organic"].precision == Share(1, 2)
    assert scores["organic"].exact is None


def test_recall_by_evidence_counts_what_could_be_known(rows):
    scores = {one.subject: one.recall for one in decisions.by_evidence(rows)}
    assert scores == {
        "all that ads caused": Share(2, 4),
        "caused by ads, evidence click_id": Share(2, 2),
        "caused by ads, evidence device_id": Share(0, 1),
        "caused by ads, evidence referrer": Share(0, 0),
        "caused by ads, evidence none": Share(0, 1),
        "organic": Share(1, 2),
        "made up, paid to nobody": Share(1, 2),
    }


def test_people_who_were_brought_back_are_found_by_the_touch_that_did_it():
    score = decisions.of_returns(truth(), pl.DataFrame({"touch_id": ["t1", "t9", "t3", "t4"]}))
    assert score.precision == Share(3, 4)
    assert score.recall == Share(2, 3)
    nobody = decisions.of_returns(truth(), pl.DataFrame(schema={"touch_id": pl.String}))
    assert (nobody.precision, nobody.recall) == (Share(0, 0), Share(0, 3))


def test_the_confusion_counts_every_install_once(rows):
    assert sum(count for _, _, count in decisions.confusion(rows)) == len(CASES)
    assert ("north", "south", 1) in decisions.confusion(rows)


def test_installs_only_one_side_knows_are_left_out():
    assert decisions.judged(truth(), decided().head(3)).height == 3


def candidates(**fired):
    return pl.DataFrame(
        [
            {"install_id": f"i{n}", "touch_id": f"t{n}", "rules": fired.get(f"t{n}", [])}
            for n in range(1, 12)
        ],
        schema_overrides={"rules": pl.List(pl.String)},
    )


def test_a_candidate_rule_is_judged_by_the_touches_it_fired_at():
    rule = "ad_stacking (block)"
    fired = candidates(t5=[rule], t1=[rule], t11=[rule], t6=["ad_stacking (flag)"])
    scores = fraud.score_rules(truth(), [("ad_stacking", "block")], fired, decided(), None)
    # t11 is a touch nobody clicked, made from a referrer.
    assert scores[0].precision == Share(1, 3)
    assert scores[0].recall == Share(1, 1)


def test_rules_after_the_decision_are_judged_by_installs_and_publishers():
    after = pl.DataFrame(
        {
            "rule_in_mode": ["ip_density (flag)"] * 2 + ["click_flood.flat_ctit (flag)"],
            "scope": ["install", "install", "publisher"],
            "install_id": ["ig", "ia", ""],
            "media_source": ["south", "north", "south"],
            "site_id": ["x", "x", "cheap"],
        }
    )
    density, flat = fraud.score_rules(
        truth(),
        [("ip_density", "flag"), ("click_flood.flat_ctit", "flag")],
        candidates(),
        decided(),
        after,
    )
    assert (density.precision, density.recall) == (Share(1, 2), Share(1, 2))
    assert (flat.precision, flat.recall) == (Share(1, 1), Share(1, 1))


def test_an_absent_table_is_named_and_does_not_count_as_zero():
    (score,) = fraud.score_rules(truth(), [("ip_density", "flag")], candidates(), decided(), None)
    assert score.precision is None
    assert "absent" in score.note


def test_the_rules_of_a_ruleset_are_those_that_are_on():
    body = (
        '{"fraud":[{"rule_id":"a","mode":"off"},{"rule_id":"b","mode":"flag"},'
        '{"rule_id":"b","mode":"block"}]}'
    )
    assert fraud.rules_of(body) == [("b", "flag"), ("b", "block")]


def test_every_rule_of_the_catalogue_has_an_aim_or_needs_none():
    from unmogrowp.rulesets.fraud_rules import fraud_rules

    assert set(fraud.AIMS) <= set(fraud_rules())
    without = set(fraud_rules()) - set(fraud.AIMS)
    assert without == {"bad_signature", "impression_cap", "post_attribution"}


def credit_frame(**models):
    return pl.DataFrame(
        [
            {"model": model, "conversion_id": unit, "channel": channel, "credit": value}
            for model, rows in models.items()
            for unit, channel, value in rows
        ]
    )


def test_a_model_that_knows_the_truth_has_nothing_in_the_wrong_place():
    brought = pl.DataFrame(
        {
            "conversion_id": ["a", "a", "b", "c"],
            "channel": ["north", "south", "(organic)", "south"],
            "contribution": [0.5, 0.5, 1.0, 1.0],
        }
    )
    exact = [("a", "north", 0.5), ("a", "south", 0.5), ("b", "(none)", 1.0), ("c", "south", 1.0)]
    greedy = [("a", "north", 1.0), ("b", "north", 1.0), ("c", "south", 1.0)]
    score = credit.score_credit("t", "e", credit_frame(exact=exact, greedy=greedy), brought)
    wrong = {one.model: one.share for one in score.misplaced}
    assert wrong["exact"] == pytest.approx(0.0)
    # Half an install taken from the south, one from nobody: one and a half of three.
    assert wrong["greedy"] == pytest.approx(1.5 / 3)
    between = {one.model: one.between for one in score.misplaced}
    # A quarter of what channels brought is the north's; it is given two thirds.
    assert between["exact"] == pytest.approx(0.0)
    assert between["greedy"] == pytest.approx(2 / 3 - 1 / 4)
    biases = {(one.model, one.channel): one for one in score.biases}
    assert biases["greedy", "north"].difference == pytest.approx(1.5)
    assert biases["greedy", "south"].difference == pytest.approx(-0.5)
    for one in score.biases:
        assert one.lower <= one.difference + 1e-9
        assert one.upper >= one.difference - 1e-9


def test_complete_journeys_share_every_real_install_and_no_made_up_one():
    score = credit.complete_journeys(truth(), ["first", "linear"])
    assert score is not None
    assert score.installs == 6
    for model in ("first", "linear"):
        credited = sum(one.credited for one in score.biases if one.model == model)
        assert credited <= 6
    brought = {one.channel: one.brought for one in score.biases}
    assert brought == {"north": 3.0, "south": 1.0}


def test_the_same_truth_gives_the_same_credit_in_the_order_of_the_models():
    models = ["first", "last", "linear", "markov_1"]
    score = credit.complete_journeys(truth(), models)
    assert score == credit.complete_journeys(truth(), models)
    assert score is not None
    assert [one.model for one in score.misplaced] == models


def test_landed_credit_is_compared_day_by_day_and_made_up_installs_belong_to_nobody(rows):
    day = "1970-01-02"
    landed = pl.DataFrame(
        {
            "model": ["last"] * 3,
            "day": [day] * 3,
            "channel": ["north", "south", "organic"],
            "credit": [3.0, 3.0, 2.0],
        }
    )
    score = credit.landed_journeys(truth(), rows, landed)
    biases = {one.channel: (one.credited, one.brought) for one in score.biases}
    assert biases == {"north": (3.0, 3.0), "south": (3.0, 1.0)}
    # Eight installs, four of them nobody's; two of those went to the south.
    assert score.misplaced[0].share == pytest.approx(2 / 8)


def test_a_market_without_touches_has_no_credit_to_score():
    empty = truth()
    nothing = Truth(
        empty.manifest, empty.installs, empty.touches.clear(), empty.journeys, empty.reengagements
    )
    assert credit.complete_journeys(nothing) is None


@pytest.fixture
def card(rows):
    score = credit.complete_journeys(truth(), ["first", "linear"])
    assert score is not None
    return Scorecard(
        shape="tiny<b>",
        seed=1,
        users=8,
        days=1,
        app_id="app",
        ruleset_id="ours",
        installs=rows.height,
        decisions=decisions.by_match_type(rows),
        evidence=decisions.by_evidence(rows),
        confusion=decisions.confusion(rows),
        rules=fraud.score_rules(
            truth(),
            [("ad_stacking", "flag")],
            candidates(t5=["ad_stacking (flag)"]),
            decided(),
            None,
        ),
        credit=(score,),
        absent=("mart.channel_credit: models on landed journeys are not scored",),
    )


def test_the_page_holds_every_figure_and_nothing_from_outside(card):
    page = render_html([card])
    assert "50.0 % (9 to 91) of 2" in page
    assert "mart.channel_credit" in page
    assert "tiny&lt;b&gt;" in page
    assert "tiny<b>" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.count("<svg") == 3


def test_markdown_tables_have_as_many_cells_as_their_header(card):
    text = render_markdown([card, card], "make it")
    assert "Generated by `make it`" in text
    width = 0
    for line in text.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.count("|")
        assert cells == (width or cells), line
        width = cells


def test_a_remark_about_the_rules_stands_on_both_pages(card):
    remark = "Rules of <ours> differ here."
    assert "Rules of &lt;ours&gt; differ here." in render_html([card], remark)
    assert remark in render_markdown([card], "make it", remark=remark)


def test_markets_of_one_shape_are_added_up(card):
    pooled = {one.subject: one for one in pool([card.evidence, card.evidence])}
    assert pooled["all that ads caused"].recall == Share(4, 8)
    assert pooled["organic"].precision is None
    assert "2 markets of 8 people" in render_markdown([card, card], "make it")


def test_a_picture_stands_alone(card):
    picture = standalone(share_plot(card.evidence, "Attribution"))
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "<style>" in picture


def test_the_record_is_what_the_page_shows(card):
    record = card.as_record()
    assert record["decisions"][0]["precision"]["hits"] == 1
    assert record["absent"]
    assert {one["model"] for one in record["credit"][0]["misplaced"]} == {"first", "linear"}
