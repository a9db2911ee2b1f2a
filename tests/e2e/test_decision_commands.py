"""The commands that explain decisions and try others, on what was sent through HTTP."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platform import Platform
from tests.e2e.played import DECISIONS, Played

pytestmark = pytest.mark.stack

Days = tuple[date, date]

# Every column of every row, NULLs and the instant of writing included.
_ROWS = """
    SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM {table}
    WHERE ruleset_id = 'ours' AND {day} BETWEEN {{first:Date}} AND {{last:Date}}"""
_TABLES = {
    "mart.attributed_installs": "toDate(installed_at)",
    "mart.attribution_candidates": "toDate(installed_at)",
    "mart.decision_versions": "day",
}


def primary(platform: Platform, days: Days) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: platform.sql(_ROWS.format(table=table, day=day), first=days[0], last=days[1])
        for table, day in _TABLES.items()
    }


def per_source(platform: Platform, ruleset_id: str, days: Days) -> dict[str, int]:
    rows = platform.sql(
        "SELECT media_source, count() FROM mart.attributed_installs"
        " WHERE ruleset_id = {id:String} AND toDate(installed_at) BETWEEN {first:Date} AND"
        " {last:Date} GROUP BY media_source",
        id=ruleset_id,
        first=days[0],
        last=days[1],
    )
    return dict(rows)


def test_whatif_moves_what_it_says_and_nothing_that_counts(
    platform: Platform, played: Played, tmp_path: Path
) -> None:
    assert played.synced, played.synced
    # The scenarios' day and the one before it, which is the market's last.
    last = datetime.fromtimestamp(played.now_ms / 1000 - 3 * 3600, UTC).date()
    days = (last - timedelta(days=1), last)
    before = primary(platform, days)
    plot = tmp_path / "moved.png"
    arguments = ("--ruleset", "adjust_like", "--from", str(days[0]), "--to", str(days[1]))
    runs = [platform.run("whatif", *arguments, "--plot", str(plot), "--json") for _ in range(2)]
    for run in runs:
        assert run, run
    found, again = (json.loads(run.output) for run in runs)
    assert again == found, "twice is once"
    assert primary(platform, days) == before
    assert found["content_before"] == found["content_after"]
    assert plot.read_bytes().startswith(b"\x89PNG")

    was, becomes = (per_source(platform, one, days) for one in ("ours", "adjust_like"))
    sources = {**dict.fromkeys([*was, *becomes], 0)}
    assert found["per_source"] == {
        source: {"base": was.get(source, 0), "trial": becomes.get(source, 0)} for source in sources
    }
    moves = [one for one in found["moves"] if one["reason"] != "unchanged" and not one["currency"]]
    assert found["conversions"] == sum(was.values()) == sum(becomes.values())
    assert found["moved"] == sum(one["conversions"] for one in moves) > 0
    for source in sources:
        out = sum(one["conversions"] for one in moves if one["from_media_source"] == source)
        into = sum(one["conversions"] for one in moves if one["to_media_source"] == source)
        assert was.get(source, 0) - out + into == becomes.get(source, 0)
    # Views are off under adjust_like: what they won moves, and the reason says so.
    assert "method_off" in {one["reason"] for one in moves}


def test_explain_and_its_evidence_hold_without_the_stack(
    platform: Platform, played: Played, tmp_path: Path
) -> None:
    assert played.synced, played.synced
    (row,) = platform.sql(
        """
        SELECT
            install_id, anyIf(media_source, verdict = 'won') AS winner,
            anyIf(media_source, verdict != 'won' AND media_source != winner_of) AS other,
            groupArray((media_source, touch_id))
        FROM
        (
            SELECT *, anyIf(media_source, verdict = 'won') OVER (PARTITION BY install_id)
                AS winner_of
            FROM mart.attribution_candidates
            WHERE ruleset_id = 'ours' AND app_id = {app:String}
        )
        GROUP BY install_id
        HAVING winner != '' AND other != ''
        ORDER BY count() DESC, install_id LIMIT 1""",
        app=played.app_id(DECISIONS),
    )
    install_id, winner, other, touches = row
    bundle = tmp_path / "evidence.json"
    told = platform.run("explain", install_id, "--bundle", str(bundle), "--network", other)
    assert told, told
    assert f"So the install belongs to {winner}." in told.output
    assert f"{len(touches)} touches were considered" in told.output

    key = told.errors.split("your public key: ")[1].split()[0]
    offline = {"UNMOGROWP_HOME": str(tmp_path / "nothing here")}
    held = platform.run("verify-evidence", str(bundle), "--public-key", key, environment=offline)
    assert held, held
    assert f"is not credited to {other}" in held.output
    text = bundle.read_text()
    assert other in text
    for source, touch_id in touches:
        assert (touch_id in text) == (source == other)
        assert (source in text) == (source == other)
    (ids,) = platform.sql(
        "SELECT gaid, idfa, android_id, idfv, device_id, device_key, click_id FROM mart.installs"
        " WHERE install_id = {id:String}",
        id=install_id,
    )
    assert not [one for one in ids if one and one in text]

    changed = tmp_path / "changed.json"
    changed.write_text(text.replace("not_credited", "credited", 1))
    refused = platform.run("verify-evidence", str(changed), environment=offline)
    assert refused.code == 1
    assert "the signature does not hold" in refused.errors
