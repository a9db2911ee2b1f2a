"""A market made and sent by the command line, twice: the truth is in the tables, once."""

import json
from hashlib import sha256

import polars as pl
import pytest

from tests.e2e.platform import Platform
from tests.e2e.played import Played

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def app_id(played: Played) -> str:
    return str(json.loads(played.market_sent[0].output)["app_id"])


@pytest.fixture(scope="module")
def counts(played: Played) -> dict[str, int]:
    return dict(json.loads((played.market / "manifest.json").read_text())["counts"])


def test_the_collector_takes_all_of_it_both_times(
    played: Played, app_id: str, counts: dict[str, int]
) -> None:
    for sent in played.market_sent:
        assert sent, sent
        answer = json.loads(sent.output)
        assert answer["app_id"] == app_id
        assert answer["requests"] == counts["requests"]
        assert answer["accepted_items"] == counts["events_sent"] + counts["touches_sent"]
        assert (answer["rejected_items"], answer["refused_requests"]) == (0, {})


def test_what_was_sent_twice_is_there_once(
    platform: Platform, played: Played, app_id: str, counts: dict[str, int]
) -> None:
    assert played.synced, played.synced
    (row,) = platform.sql(
        """
        SELECT
            (SELECT count() FROM clean.events WHERE app_id = {app:String}),
            (SELECT count() FROM clean.touches WHERE app_id = {app:String}),
            (SELECT count() FROM clean.duplicates WHERE app_id = {app:String})""",
        app=app_id,
    )
    assert row == (
        counts["events"],
        counts["touches"],
        2 * (counts["events_sent"] + counts["touches_sent"]) - counts["events"] - counts["touches"],
    )


def test_touches_have_the_ids_of_the_truth(platform: Platform, played: Played, app_id: str) -> None:
    truth = pl.read_parquet(played.market / "truth/touches.parquet")
    expected = {
        sha256(text.replace("{app_id}", app_id).encode()).hexdigest()[:32]
        for text in truth.filter("is_delivered")["id_text"]
    }
    rows = platform.sql(
        "SELECT touch_id FROM clean.touches WHERE app_id = {app:String}", app=app_id
    )
    assert {touch_id for (touch_id,) in rows} == expected


def test_installs_are_where_and_when_they_happened(
    platform: Platform, played: Played, app_id: str
) -> None:
    """Sent today, days after they happened, by phones whose clocks are off."""
    truth = pl.read_parquet(played.market / "truth/installs.parquet")
    happened = dict(truth.filter("is_delivered").select("message_id", "installed_at").iter_rows())
    rows = platform.sql(
        "SELECT source_message_id, toUnixTimestamp64Milli(installed_at) FROM mart.installs"
        " WHERE app_id = {app:String} AND NOT is_implied",
        app=app_id,
    )
    assert len(rows) == len(happened)
    assert all(abs(at - happened[message]) < 30_000 for message, at in rows)


def test_the_scorecard_counts_the_installs_that_were_decided(
    platform: Platform, played: Played, app_id: str
) -> None:
    done = platform.run("scorecard", "--truth", str(played.market), "--json")
    assert done, done
    (card,) = json.loads(done.output)
    ((decided,),) = platform.sql(
        "SELECT count() FROM mart.installs WHERE app_id = {app:String} AND NOT is_implied",
        app=app_id,
    )
    assert (card["app_id"], card["installs"]) == (app_id, decided)
    assert card["decisions"]
    assert card["rules"]
