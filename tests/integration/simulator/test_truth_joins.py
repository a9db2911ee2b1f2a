"""A market through the real collector and landing: what arrives is what the truth says."""

from hashlib import sha256

import dagster as dg
import polars as pl
import pytest

from assets.auditing import ReportFolder
from assets.scorecard import scorecards
from tests.fakes.simulated import APP_ID, START
from tests.integration.simulator.landed import DAY_MS, DAYS, Landed, busy
from unmogrowp.clock import utc
from unmogrowp.fraud.build import judge_day
from unmogrowp.rulesets import OURS
from unmogrowp.scorecard.recording import record_scorecard
from unmogrowp.scorecard.score import score_market
from unmogrowp.scorecard.truth import NothingToScore


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    return Landed(tmp_path_factory.mktemp("market"), busy())


def test_the_collector_takes_every_request_whole(landed):
    assert landed.statuses == {200: landed.manifest["counts"]["requests"]}
    assert landed.house.warehouse.scalar("SELECT count() FROM clean.failed") == 0


def test_every_event_lands_once_and_every_copy_is_named(landed):
    counts = landed.manifest["counts"]
    assert landed.house.warehouse.scalar("SELECT count() FROM clean.events") == counts["events"]
    copies = landed.house.warehouse.scalar(
        "SELECT count() FROM clean.duplicates WHERE kind = 'event'"
    )
    assert copies == counts["events_sent"] - counts["events"]


def test_touch_ids_of_the_truth_are_those_of_the_table(landed):
    delivered = landed.truth["touches"].filter(pl.col("is_delivered"))
    ids = [
        sha256(text.replace("{app_id}", APP_ID).encode()).hexdigest()[:32]
        for text in delivered["id_text"]
    ]
    assert len(set(ids)) == len(ids)
    rows = landed.frame(
        "SELECT touch_id, toString(touch_type) AS touch_type, toString(media_source) AS"
        " media_source, toString(site_id) AS site_id, click_id,"
        " toUnixTimestamp64Milli(touch_at) AS touch_at FROM clean.touches"
    )
    truth = delivered.select(
        "touch_type", "media_source", "site_id", "click_id", "touch_at", touch_id=pl.Series(ids)
    ).select(rows.columns)
    assert rows.sort("touch_id").equals(truth.sort("touch_id"))


def test_installs_join_by_message_id_at_the_true_time_whatever_the_phones_clock_says(landed):
    installs = landed.frame(
        "SELECT source_message_id AS message_id, toString(install_kind) AS install_kind,"
        " toUnixTimestamp64Milli(installed_at) AS landed_at FROM mart.installs"
    )
    truth = landed.truth["installs"].filter(pl.col("is_delivered"))
    both = installs.join(truth, on="message_id", how="full", coalesce=True)
    assert both.filter(pl.col("landed_at").is_null()).is_empty()
    # Where the install event is still under way, the first event that arrived stands for it.
    assert both.filter(pl.col("installed_at").is_null()).height <= 3
    difference = (both["landed_at"] - both["installed_at"]).drop_nulls()
    assert difference.abs().max() < 5_000


def test_click_ids_and_referrers_lead_to_the_causing_touch(landed):
    """Without fraud in the way, evidence of the best kind finds the true cause."""
    decisions = landed.frame(
        "SELECT i.source_message_id AS message_id, d.touch_id AS touch_id,"
        " toString(d.match_type) AS match_type FROM mart.attributed_installs AS d"
        " INNER JOIN mart.installs AS i ON i.install_id = d.install_id"
    )
    truth = landed.truth["installs"].filter(
        (pl.col("evidence") == "click_id") & (pl.col("carried_fraud") == "")
    )
    both = truth.join(decisions, on="message_id")
    assert both.height > 20
    expected = [
        sha256(text.replace("{app_id}", APP_ID).encode()).hexdigest()[:32]
        for text in both["cause_id_text"]
    ]
    is_found = both["touch_id"] == pl.Series(expected)
    # The others were beaten by a later click on the same device, honest or not.
    assert is_found.mean() > 0.7
    assert (both.filter(~is_found)["touch_id"] != "").all()


def test_addresses_never_land_in_clear(landed):
    for table in ("clean.events", "clean.touches"):
        prefixes = landed.frame(f"SELECT DISTINCT toString(ip_prefix) AS p FROM {table}")["p"]
        assert prefixes.filter(prefixes != "").str.ends_with("/24").all()
        assert prefixes.filter(prefixes != "").len() > 10
    assert (
        landed.house.warehouse.scalar(
            "SELECT countIf(position(params['ip'], '.') > 0) FROM clean.touches"
        )
        == 0
    )


def test_the_scorecard_counts_every_install_that_landed(landed):
    card = score_market(landed.house.warehouse, landed.folder, APP_ID)
    decided = landed.house.warehouse.scalar(
        "SELECT count() FROM mart.attributed_installs AS d INNER JOIN mart.installs AS i"
        " ON d.install_id = i.install_id WHERE NOT i.is_implied"
    )
    assert card.installs == decided
    assert sum(count for _, _, count in card.confusion) == decided
    precision = {one.subject: one.precision for one in card.decisions}
    assert precision["click_id"].value > 0.5
    recall = {one.subject: one.recall for one in card.evidence}
    # Nobody can know what nothing points at.
    assert recall["caused by ads, evidence none"].value < 0.4
    assert recall["caused by ads, evidence click_id"].value > 0.7
    assert {one.title for one in card.credit} >= {"complete and honest journeys"}


def test_stacks_malformed_ids_and_inhuman_pace_are_found_and_nobody_else(tmp_path):
    """Each of the three rules once found none of what it is for."""
    landed = Landed(tmp_path, busy(md_popunder=0.05, vh_boost=20.0))
    warehouse = landed.house.warehouse
    for day in range(DAYS):
        judge_day(warehouse, OURS, utc(START + day * DAY_MS).date(), 10**9, landed.house.clock)
    rules = {one.subject: one for one in score_market(warehouse, tmp_path, APP_ID).rules}
    for name in ("ad_stacking (flag)", "malformed_id (flag)", "event_velocity (flag)"):
        assert rules[name].precision.hits == rules[name].precision.total > 5, name
    assert rules["ad_stacking (flag)"].recall.value > 0.95
    # The spoofer sends five to nine goals within 1.3 s, and one in five of its ids is malformed.
    assert rules["event_velocity (flag)"].recall.value > 0.6
    assert 0.05 < rules["malformed_id (flag)"].recall.value < 0.4


def test_a_ruleset_that_decides_no_re_engagements_is_not_blamed_for_them(landed):
    card = score_market(landed.house.warehouse, landed.folder, APP_ID)
    assert "re-engagements: the ruleset does not decide them" in card.absent
    assert not [one for one in card.evidence if one.subject.startswith("brought back")]


def test_an_app_that_got_another_market_is_not_scored(landed):
    with pytest.raises(NothingToScore, match="has decided no install"):
        score_market(landed.house.warehouse, landed.folder, "another")
    with pytest.raises(NothingToScore, match="no truth"):
        score_market(landed.house.warehouse, landed.folder / "nowhere", APP_ID)


def test_a_scorecard_is_kept_once_per_instant(landed):
    warehouse = landed.house.warehouse
    card = score_market(warehouse, landed.folder, APP_ID)
    rows = {record_scorecard(warehouse, card, START) for _ in range(2)}
    counted = warehouse.scalar("SELECT count() FROM audit.scorecards")
    assert rows == {counted}
    record_scorecard(warehouse, card, START + 1)
    assert warehouse.scalar("SELECT count() FROM audit.scorecards") == 2 * counted
    wrong = warehouse.scalar(
        "SELECT count() FROM audit.scorecards WHERE value < lower - 1e-9 OR value > upper + 1e-9"
    )
    assert wrong == 0


def test_the_asset_keeps_the_scorecard_and_shows_its_page(landed, tmp_path):
    result = materialize_scorecard(landed, tmp_path, landed.folder)
    assert result.success
    (page,) = tmp_path.glob("scorecard-*.html")
    assert "<svg" in page.read_text()
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["dagster/row_count"].value > 20


def test_the_asset_does_not_try_again_where_there_is_no_truth(landed, tmp_path):
    result = materialize_scorecard(landed, tmp_path, tmp_path / "nowhere")
    assert not result.success
    failures = [event for event in result.all_events if event.is_failure]
    assert any("no truth" in str(event.event_specific_data) for event in failures)


def materialize_scorecard(landed, pages, folder):
    config = {"truth_folder": str(folder), "app_id": APP_ID}
    return dg.materialize(
        [scorecards],
        resources={
            "warehouse": landed.house.warehouse,
            "clock": landed.house.clock,
            "report_folder": ReportFolder(pages),
        },
        run_config={"ops": {"scorecards": {"config": config}}},
        raise_on_error=False,
    )
