"""Traps that others fell into, and the promise that the same rows give the same marts."""

import random
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, StillClock, actual_rows, build_days, days_of, load
from tests.market.model import DAY, HOUR, Event, Touch, at
from tests.market.strategies import generate
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.errors import AuditFailed, PartitionConflict
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

N = at("2026-03-10T12:00:00")
DAY_OF_N = date(2026, 3, 10)
MARTS = ("mart.installs", "mart.attribution_candidates", "mart.attributed_installs")


def hashes() -> dict[str, ContentHash]:
    return {table: content_hash(engine(), table) for table in MARTS}


def one_install(app_id: str = "app", **fields: str) -> Event:
    return Event(app_id=app_id, message_id="m", occurred_at=N, **{"gaid": "gaid", **fields})


def one_click(app_id: str = "app", **fields: str | int) -> Touch:
    return Touch(app_id=app_id, touch_id="c", **{"touch_at": N - HOUR, "gaid": "gaid", **fields})  # type: ignore[arg-type]


def test_an_attributed_install_is_not_written_again_as_organic() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    impression = replace(one_click(), touch_id="i", touch_type="impression")
    markets = [
        Market((one_install("clicked"),), (one_click("clicked"),)),
        Market((one_install("seen"),), (replace(impression, app_id="seen"),)),
        Market((one_install("both"),), (one_click("both"), replace(impression, app_id="both"))),
        Market((one_install("neither"),)),
    ]
    load(warehouse, markets)
    build_days(warehouse, [DAY_OF_N])
    found = {app: tables["decisions"] for app, tables in actual_rows(warehouse).items()}
    assert {app: [row["is_organic"] for row in rows] for app, rows in found.items()} == {
        "clicked": [False],
        "seen": [False],
        "both": [False],
        "neither": [True],
    }


def test_a_touch_of_one_app_never_wins_an_install_of_another() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    event = replace(one_install("b"), properties={"click_id": "K"})
    load(warehouse, [Market((event,), (one_click("a", click_id="K", idfa="x"),))])
    build_days(warehouse, [DAY_OF_N])
    tables = actual_rows(warehouse)["b"]
    assert tables["candidates"] == []
    assert [row["organic_reason"] for row in tables["decisions"]] == ["no_touch"]


def test_no_statement_of_the_marts_asks_for_the_time() -> None:
    for file in (named_queries.QUERIES / "mart").glob("*.sql"):
        text = re.sub(r"--[^\n]*", "", Path(file).read_text())
        assert not re.search(r"\b(now|now64|today|yesterday|rand)\s*\(", text, re.I), file


def test_the_clock_of_the_build_changes_nothing() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    markets = generate(40, 3)
    load(warehouse, markets)
    build_days(warehouse, days_of(markets))
    before = hashes()

    class LaterClock:
        def now_ms(self) -> int:
            return StillClock().now_ms() + 400 * DAY

    for day in days_of(markets):
        build_installs_day(warehouse, day, 2, LaterClock())
        build_attribution_day(warehouse, OURS, day, 2, LaterClock())
    assert hashes() == before


def test_neither_row_order_nor_order_of_days_nor_repetition_changes_anything() -> None:
    warehouse = engine()
    markets = generate(120, 11)
    days = days_of(markets)
    empty_tables(warehouse)
    load(warehouse, markets)
    build_days(warehouse, days)
    first = hashes()
    assert first["mart.attributed_installs"].row_count > 100
    build_days(warehouse, days)
    assert hashes() == first, "again"
    build_days(warehouse, days[::-1])
    assert hashes() == first, "days backwards"

    shuffled = random.Random(5)
    empty_tables(warehouse)
    rows = [(market, event) for market in markets for event in market.events]
    shuffled.shuffle(rows)
    for chunk in range(0, len(rows), 97):
        load(warehouse, [Market((event,)) for _, event in rows[chunk : chunk + 97]])
    touches = [touch for market in markets for touch in market.touches]
    shuffled.shuffle(touches)
    load(warehouse, [Market((), tuple(touches))])
    for day in shuffled.sample(days, len(days)):
        build_days(warehouse, [day])
    assert hashes() == first, "from scratch, rows and days shuffled"


@pytest.mark.parametrize("touches_per_match", [5_000_000, 60])
def test_buckets_change_nothing(touches_per_match: int, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = engine()
    empty_tables(warehouse)
    markets = generate(60, 8)
    load(warehouse, markets)
    build_days(warehouse, days_of(markets))
    before = hashes()
    monkeypatch.setattr("unmogrowp.attribution.reach.TOUCHES_PER_BUCKET", 20)
    monkeypatch.setattr("unmogrowp.attribution.reach.TOUCHES_PER_MATCH", touches_per_match)
    build_days(warehouse, days_of(markets))
    assert hashes() == before


def test_a_null_does_not_hide_a_row_from_the_content_hash() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, [Market((one_install(),))])
    build_days(warehouse, [DAY_OF_N])
    before = hashes()["mart.attributed_installs"]
    rows = warehouse.rows("SELECT touch_at, ctit_ms, window_ms FROM mart.attributed_installs")
    assert rows == [(None, None, None)]
    warehouse.execute(
        "ALTER TABLE mart.attributed_installs UPDATE country = 'FR' WHERE 1"
        " SETTINGS mutations_sync = 2"
    )
    after = hashes()["mart.attributed_installs"]
    assert after.row_count == before.row_count == 1
    assert after.checksum != before.checksum


def test_a_late_event_changes_exactly_its_days() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    days = [date(2026, 3, 9), DAY_OF_N, date(2026, 3, 11)]
    events = tuple(
        Event(message_id=f"m{k}", device_key=f"d{k}", occurred_at=N + (k - 1) * DAY)
        for k in range(3)
    )
    load(warehouse, [Market(events)])
    build_days(warehouse, days)

    def by_day() -> list[ContentHash]:
        return [
            content_hash(
                warehouse,
                "mart.attributed_installs",
                "toDate(installed_at) = {day:Date}",
                {"day": day},
            )
            for day in days
        ]

    before = by_day()
    late = Event(message_id="late", device_key="d9", occurred_at=N, received_at=N + 3 * DAY)
    load(warehouse, [Market((late,))])
    build_days(warehouse, days)
    after = by_day()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_an_implied_install_that_moves_leaves_an_empty_day_behind() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    opened = replace(
        one_install(), event_name="Application Opened", occurred_at=at("2026-03-10T23:59:59")
    )
    load(warehouse, [Market((opened,))])
    build_days(warehouse, [DAY_OF_N])
    assert hashes()["mart.installs"].row_count == 1
    installed = replace(opened, message_id="n", event_name="Application Installed")
    load(warehouse, [Market((replace(installed, occurred_at=at("2026-03-11T00:10:00")),))])
    build_days(warehouse, [DAY_OF_N, date(2026, 3, 11)], watermark=2)
    found = warehouse.rows("SELECT toDate(installed_at), is_implied FROM mart.installs")
    assert found == [(date(2026, 3, 11), False)]


def test_a_build_that_read_less_does_not_replace_one_that_read_more() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, [Market((one_install(),))])
    build_days(warehouse, [DAY_OF_N], watermark=7)
    with pytest.raises(PartitionConflict):
        build_days(warehouse, [DAY_OF_N], watermark=6)


def test_a_refused_audit_leaves_the_present_version() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, [Market((one_install(),), (one_click(),))])
    build_days(warehouse, [DAY_OF_N])
    before = hashes()
    load(warehouse, [Market((replace(one_install(), message_id="x", device_key="e"),))])

    def refuse(staging: str) -> None:
        raise AuditFailed(f"no: {staging}")

    with pytest.raises(AuditFailed):
        build_installs_day(warehouse, DAY_OF_N, 2, StillClock(), audit=refuse)
    assert hashes() == before
    build_installs_day(warehouse, DAY_OF_N, 2, StillClock())
    with pytest.raises(AuditFailed):
        build_attribution_day(warehouse, OURS, DAY_OF_N, 2, StillClock(), audit_candidates=refuse)
    with pytest.raises(AuditFailed):
        build_attribution_day(warehouse, OURS, DAY_OF_N, 2, StillClock(), audit_decisions=refuse)
    assert hashes()["mart.attributed_installs"] == before["mart.attributed_installs"]
    left_behind = warehouse.rows("SELECT name FROM system.tables WHERE name LIKE '%__run_%'")
    assert left_behind == []


def test_a_false_sentence_of_the_contract_stops_the_publish_and_is_named() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    copies = [Touch(touch_id="t", touch_at=N - age, gaid="gaid") for age in (HOUR, 2 * HOUR)]
    load(warehouse, [Market((one_install(),), tuple(copies))])
    build_installs_day(warehouse, DAY_OF_N, 1, StillClock())
    with pytest.raises(AuditFailed, match="touches_are_considered_once_per_install") as caught:
        build_attribution_day(warehouse, OURS, DAY_OF_N, 1, StillClock())
    false = [one for one in caught.value.results if not one.is_passed]  # type: ignore[attr-defined]
    assert [(one.sentence, one.unexpected_count) for one in false] == [  # type: ignore[attr-defined]
        ("touches_are_considered_once_per_install", 1)
    ]
    assert hashes()["mart.attribution_candidates"].row_count == 0


def test_rulesets_live_side_by_side() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    trial = OURS.model_copy(update={"ruleset_id": "trial", "rules": OURS.rules[:1]})
    load(warehouse, [Market((one_install(),), (one_click(),))])
    build_days(warehouse, [DAY_OF_N])
    before = hashes()["mart.attributed_installs"]
    build_days(warehouse, [DAY_OF_N], trial)
    found = warehouse.rows(
        "SELECT ruleset_id, media_source, config_hash FROM mart.attributed_installs ORDER BY 1"
    )
    assert found == [
        ("ours", "network", OURS.config_hash),
        ("trial", "organic", trial.config_hash),
    ]
    ours = content_hash(warehouse, "mart.attributed_installs", "ruleset_id = 'ours'")
    assert ours == before
    snapshots = warehouse.rows(
        "SELECT config_id, config_hash, body FROM audit.config_snapshots ORDER BY 1"
    )
    assert snapshots == [
        (one.ruleset_id, one.config_hash, one.canonical_json()) for one in (OURS, trial)
    ]
