"""Each identity is broken by one row, and the audit names exactly that row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from tests.engine import empty_tables, engine
from tests.market.model import at
from unmogrowp.audits.model import (
    PRIMARY,
    Amount,
    Comparison,
    Identity,
    Mode,
    ReconciliationReport,
)
from unmogrowp.audits.reconcile import reconcile
from unmogrowp.audits.report import latest_quality, render
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

HOUR = 3_600_000
MINUTE = 60_000
BEGIN = at("2026-03-10T00:00:00")
NINE = at("2026-03-10T09:00:00")
NOW = at("2026-03-10T18:30:00")
TID = "aaaaaaaa-0000-0000-0000-000000000001"
LETTERS = "aaaaaaaa-0000-0000-0000-000000000002"


@dataclass
class House:
    """A small warehouse in which everything adds up, and ways to break it."""

    warehouse: Warehouse
    audits: int = 0
    extra: dict[str, object] = field(default_factory=dict)

    def sql(self, statement: str) -> None:
        self.warehouse.execute(statement)

    def delete(self, table: str, where: str) -> None:
        self.sql(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2")

    def reconcile(self, mode: Mode = Mode.SYNC, before: int = NOW) -> ReconciliationReport:
        self.audits += 1
        return reconcile(self.warehouse, BEGIN, before, f"audit-{self.audits}", NOW, mode=mode)


def _at(ms: int) -> str:
    return f"fromUnixTimestamp64Milli({ms}, 'UTC')"


@pytest.fixture
def house() -> House:
    """Ten requests of two items at nine, a dead letter, two installs; one collector."""
    warehouse = engine()
    empty_tables(warehouse)
    house = House(warehouse)
    received = f"{_at(NINE)} + toIntervalMinute(number)"
    house.sql(
        "INSERT INTO audit.landing_ranges (landing_seq, state, topic, topic_id, partition,"
        " start_offset, end_offset, received_on, record_count, item_count)"
        f" VALUES (1, 'landed', 'events.v1', '{TID}', 0, 100, 110, '2026-03-10', 10, 20),"
        f" (2, 'landed', 'requests.dead_letter.v1', '{LETTERS}', 0, 0, 1, '2026-03-10', 1, 0)"
    )
    house.sql(
        "INSERT INTO raw.requests (topic, topic_id, partition, offset, received_at, app_id,"
        f" item_count, landing_seq) SELECT 'events.v1', '{TID}', 0, 100 + number, {received}, 'a',"
        " 2, 1 FROM numbers(10)"
    )
    house.sql(
        "INSERT INTO raw.requests (topic, topic_id, partition, offset, received_at, code,"
        f" landing_seq) SELECT 'requests.dead_letter.v1', '{LETTERS}', 0, 0, {_at(NINE)},"
        " 'parse.json', 2"
    )
    house.sql(
        "INSERT INTO clean.failed (code, level, topic, topic_id, partition, offset, received_at)"
        f" SELECT 'parse.json', 'request', 'requests.dead_letter.v1', '{LETTERS}', 0, 0,"
        f" {_at(NINE)}"
    )
    coordinates = f"'{TID}', 0, 100 + intDiv(k, 2), k % 2"
    items = "(SELECT k, intDiv(k, 2) AS number FROM (SELECT number AS k FROM numbers(20)))"
    house.sql(
        "INSERT INTO clean.events (app_id, message_id, received_at, occurred_at, topic_id,"
        " partition, offset, item_index, revenue, currency) SELECT 'a', toString(k),"
        f" {received}, {received}, {coordinates}, if(k = 15, 2.5, NULL),"
        f" if(k = 15, 'EUR', '') FROM {items} WHERE k < 16"
    )
    house.sql(
        "INSERT INTO mart.attributed_events (ruleset_id, app_id, message_id, received_at,"
        " occurred_at, revenue, currency, is_primary) SELECT 'ours', app_id, message_id,"
        " received_at, occurred_at, revenue, currency, true FROM clean.events"
        " WHERE revenue IS NOT NULL"
    )
    house.sql(
        "INSERT INTO clean.duplicates (app_id, kind, message_id, received_at, topic_id, partition,"
        f" offset, item_index) SELECT 'a', 'event', '0', {received}, {coordinates} FROM {items}"
        " WHERE k IN (16, 17)"
    )
    house.sql(
        "INSERT INTO clean.failed (app_id, code, level, topic, received_at, topic_id, partition,"
        f" offset, item_index) SELECT 'a', 'parse.engine', 'item', 'events.v1', {received},"
        f" {coordinates} FROM {items} WHERE k IN (18, 19)"
    )
    report_of(house, "c-0", "boot", 1, NINE + 20 * MINUTE, 10, 20, started=BEGIN)
    report_of(house, "c-0", "boot", 2, NOW, 10, 20, started=BEGIN)
    report_of(house, "c-0", "boot", 2, NOW, 1, 0, started=BEGIN, app="",
              topic="requests.dead_letter.v1")  # fmt: skip
    for number in range(2):
        house.sql(
            "INSERT INTO mart.installs (app_id, install_id, device_key, installed_at)"
            f" SELECT 'a', 'install-{number}', 'd{number}', {_at(NINE)}"
        )
        house.sql(
            "INSERT INTO mart.attributed_installs (ruleset_id, app_id, conversion_id, install_id,"
            f" installed_at, conversion_kind, is_primary) SELECT 'ours', 'a', 'install-{number}',"
            f" 'install-{number}', {_at(NINE)}, '{'install' if number else 'reinstall'}', true"
        )
    return house


def test_a_summary_counts_each_install_once_and_every_difference(house: House) -> None:
    def summary() -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        rows = house.warehouse.named_rows("audit/last_reconciliation_summary", {"primary": PRIMARY})
        return {str(identity): (left, right, off) for identity, _, left, right, off in rows}

    house.reconcile()
    assert summary()["installs"] == (2, 2, 0)
    assert summary()["revenue"] == (Decimal("2.5"), Decimal("2.5"), 0)
    assert summary()["items"][:2] == (20, 20)
    assert summary()["collector"][:2] == (11, 11)  # requests; their items are those of `items`
    house.delete("mart.attributed_installs", "install_id = 'install-1'")
    house.reconcile()
    assert summary()["installs"] == (2, 1, 2)  # under ours, and among those that count


def report_of(
    house: House, collector: str, boot: str, sequence: int, at_ms: int, requests: int, items: int,
    *, started: int, final: bool = False, app: str = "a", topic: str = "events.v1",
    unknown: int = 0, hour: int = NINE,
) -> None:  # fmt: skip
    house.sql(
        "INSERT INTO audit.collector_reports (collector_id, boot_id, sequence, reported_at,"
        " started_at, is_final, app_id, hour, topic, acknowledged_requests, acknowledged_items,"
        f" unknown_requests, unknown_items) SELECT '{collector}', '{boot}', {sequence},"
        f" {_at(at_ms)}, {_at(started)}, {final}, '{app}', toDateTime({hour // 1000}, 'UTC'),"
        f" '{topic}', {requests}, {items}, {unknown}, {2 * unknown}"
    )


def differing(report: ReconciliationReport) -> list[tuple[str, str, str, Amount]]:
    return [
        (one.identity.value, one.scope, one.app_id, one.difference)
        for one in report.open_comparisons
    ]


def named(report: ReconciliationReport, identity: Identity) -> list[tuple[str, str]]:
    return [(one.side, one.id) for one in report.differences if one.identity == identity]


def comparison(report: ReconciliationReport, scope: str) -> Comparison:
    return next(one for one in report.comparisons if one.scope == scope)


def test_where_everything_adds_up_every_difference_is_zero(house: House) -> None:
    report = house.reconcile()
    assert differing(report) == []
    assert report.is_zero
    assert {one.identity for one in report.comparisons} == set(Identity)
    assert report.differences == ()


def test_nothing_compared_is_a_failure(house: House) -> None:
    empty_tables(house.warehouse)
    report = house.reconcile()
    assert report.comparisons == ()
    assert not report.is_zero
    assert "Nothing was compared" in report.verdict


Break = Callable[[House], None]
ITEM = [("items", "events.v1", "a", -1)]
Differing = list[tuple[str, str, str, Amount]]
CASES: list[tuple[str, Break, Differing, Identity, list[tuple[str, str]]]] = [
    (
        "a record is lost from the archive",
        lambda h: h.delete("raw.requests", "offset = 104"),
        [("stream", "events.v1", "", -1), ("collector", "events.v1 requests", "a", -1),
         ("collector", "events.v1 items", "a", -2), ("items", "events.v1", "a", 2)],
        Identity.STREAM,
        [("only_left", f"{TID}/0/104")],
    ),
    (
        "the last records of a range are lost",
        lambda h: h.delete("raw.requests", "offset >= 108"),
        [("stream", "events.v1", "", -2), ("collector", "events.v1 requests", "a", -2),
         ("collector", "events.v1 items", "a", -4), ("items", "events.v1", "a", 4)],
        Identity.STREAM,
        [("only_left", f"{TID}/0/108"), ("only_left", f"{TID}/0/109")],
    ),
    (
        "a record was landed twice",
        lambda h: h.sql("INSERT INTO raw.requests SELECT * FROM raw.requests WHERE offset = 104"),
        [
            ("stream", "events.v1", "a", 1),
            ("collector", "events.v1 requests", "a", 1),
            ("collector", "events.v1 items", "a", 2),
            ("items", "events.v1", "a", -2),
        ],
        Identity.STREAM,
        [("only_right", f"{TID}/0/104")],
    ),
    (
        "a record is in no landed range",
        lambda h: h.sql(
            "INSERT INTO raw.requests (topic, topic_id, partition, offset, received_at, app_id,"
            f" landing_seq) SELECT 'events.v1', '{TID}', 0, 500, {_at(NINE)}, 'a', 9"
        ),
        [("stream", "events.v1", "a", 1), ("collector", "events.v1 requests", "a", 1)],
        Identity.STREAM,
        [("only_right", f"{TID}/0/500")],
    ),
    (
        "an event is lost",
        lambda h: h.delete("clean.events", "offset = 103 AND item_index = 1"),
        ITEM, Identity.ITEMS, [("only_left", f"{TID}/0/103/0/1")],
    ),
    (
        "a refused item is lost",
        lambda h: h.delete("clean.failed", "level = 'item' AND item_index = 0"),
        ITEM, Identity.ITEMS, [("only_left", f"{TID}/0/109/0/0")],
    ),
    (
        "a note of a copy is lost",
        lambda h: h.delete("clean.duplicates", "item_index = 0"),
        ITEM, Identity.ITEMS, [("only_left", f"{TID}/0/108/0/0")],
    ),
    (
        "an event is there twice",
        lambda h: h.sql(
            "INSERT INTO clean.events SELECT * REPLACE ('twice' AS message_id) FROM clean.events"
            " WHERE offset = 103 AND item_index = 1"
        ),
        [("items", "events.v1", "a", 1)], Identity.ITEMS, [("only_right", f"{TID}/0/103/0/1")],
    ),
    (
        "a doubled event hides a lost one",
        lambda h: (
            h.sql(
                "INSERT INTO clean.events SELECT * REPLACE ('twice' AS message_id)"
                " FROM clean.events WHERE offset = 103 AND item_index = 1"
            ),
            h.delete("clean.events", "offset = 104 AND item_index = 0"),
        )[0],
        [("items", "events.v1", "a", 2)],
        Identity.ITEMS,
        [("only_right", f"{TID}/0/103/0/1"), ("only_left", f"{TID}/0/104/0/0")],
    ),
    (
        "a dead letter has no reason",
        lambda h: h.delete("clean.failed", "level = 'request'"),
        [("dead_letters", "requests.dead_letter.v1", "", -1)], Identity.DEAD_LETTERS,
        [("only_left", f"{LETTERS}/0/0/0")],
    ),
    (
        "a failure has no dead letter",
        lambda h: h.sql(
            "INSERT INTO clean.failed (code, level, topic_id, offset, received_at)"
            f" SELECT 'x', 'request', '{LETTERS}', 7, {_at(NINE)}"
        ),
        [("dead_letters", "requests.dead_letter.v1", "", 1)], Identity.DEAD_LETTERS,
        [("only_right", f"{LETTERS}/0/7/0")],
    ),
    (
        "an install is not decided",
        lambda h: h.delete("mart.attributed_installs", "install_id = 'install-1'"),
        [("installs", "(primary)", "a", -1), ("installs", "ours", "a", -1)],
        Identity.INSTALLS, [("only_left", "install-1")] * 2,
    ),
    (
        "an install is decided twice",
        lambda h: h.sql(
            "INSERT INTO mart.attributed_installs SELECT * FROM mart.attributed_installs"
            " WHERE install_id = 'install-1'"
        ),
        [("installs", "(primary)", "a", 1), ("installs", "ours", "a", 1)],
        Identity.INSTALLS, [("only_right", "install-1")] * 2,
    ),
    (
        "an event with revenue has no source",
        lambda h: h.delete("mart.attributed_events", "message_id = '15'"),
        [("revenue", "(primary) EUR", "a", Decimal("-2.5")),
         ("revenue", "ours EUR", "a", Decimal("-2.5"))],
        Identity.REVENUE, [("only_left", "15")] * 2,
    ),
    (
        "revenue is counted twice",
        lambda h: h.sql("INSERT INTO mart.attributed_events SELECT * FROM mart.attributed_events"),
        [("revenue", "(primary) EUR", "a", Decimal("2.5")),
         ("revenue", "ours EUR", "a", Decimal("2.5"))],
        Identity.REVENUE, [("only_right", "15")] * 2,
    ),
    (
        "revenue changed on the way",
        lambda h: h.sql(
            "ALTER TABLE mart.attributed_events UPDATE revenue = 2.500000001 WHERE 1"
            " SETTINGS mutations_sync = 2"
        ),
        [("revenue", "(primary) EUR", "a", Decimal("0.000000001")),
         ("revenue", "ours EUR", "a", Decimal("0.000000001"))],
        Identity.REVENUE,
        [("counted", "15")] * 2,
    ),
    (
        "a collector acknowledged more than there is",
        lambda h: report_of(h, "c-1", "b", 1, NOW, 3, 6, started=BEGIN),
        [("collector", "events.v1 requests", "a", -3), ("collector", "events.v1 items", "a", -6)],
        Identity.COLLECTOR,
        [("counted", "events.v1 requests 2026-03-10T09"),
         ("counted", "events.v1 items 2026-03-10T09")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("break_it", "expected", "identity", "ids"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_one_row_breaks_one_identity(
    house: House,
    break_it: Break,
    expected: list[tuple[str, str, str, Amount]],
    identity: Identity,
    ids: list[tuple[str, str]],
) -> None:
    break_it(house)
    report = house.reconcile()
    assert differing(report) == expected
    assert named(report, identity) == ids
    assert not report.is_zero
    kept = house.warehouse.rows(
        "SELECT side, id FROM audit.reconciliation_differences"
        " WHERE audit_id = {audit_id:String} AND identity = {identity:String} ORDER BY id",
        {"audit_id": report.audit_id, "identity": identity.value},
    )
    assert kept == sorted(ids, key=lambda one: one[1])
    differences = house.warehouse.scalar(
        "SELECT countIf(difference != 0) FROM audit.reconciliation WHERE audit_id = {id:String}",
        {"id": report.audit_id},
    )
    assert differences == len(expected)


def test_requests_of_unknown_outcome_widen_the_interval(house: House) -> None:
    report_of(house, "c-1", "b", 1, NOW, 0, 0, started=BEGIN, unknown=2)
    assert house.reconcile().is_zero, "they may be absent"
    house.sql(
        "INSERT INTO raw.requests (topic, topic_id, partition, offset, received_at, app_id,"
        f" landing_seq) SELECT 'events.v1', '{TID}', 0, 110 + number, {_at(NINE)}, 'a', 3"
        " FROM numbers(3)"
    )
    house.sql(
        "INSERT INTO audit.landing_ranges (landing_seq, state, topic, topic_id, partition,"
        " start_offset, end_offset, received_on, record_count)"
        f" VALUES (3, 'landed', 'events.v1', '{TID}', 0, 110, 113, '2026-03-10', 3)"
    )
    report = house.reconcile()
    assert differing(report) == [("collector", "events.v1 requests", "a", 1)], "or two of three"


def test_reports_that_come_twice_or_are_lost_do_no_harm(house: House) -> None:
    house.delete("audit.collector_reports", "sequence = 1")
    report_of(house, "c-0", "boot", 2, NOW, 10, 20, started=BEGIN)
    assert house.reconcile().is_zero


def test_a_boot_without_a_last_report_is_open_for_its_minutes_only(house: House) -> None:
    """The collector was killed: what it acknowledged since its last report was never counted."""
    house.delete("audit.collector_reports", "topic = 'events.v1' AND sequence = 2")
    house.delete("audit.collector_reports", "topic = 'requests.dead_letter.v1'")
    house.delete("audit.collector_reports", "sequence = 1")
    report_of(house, "c-0", "boot", 1, NINE + 5 * MINUTE, 6, 12, started=BEGIN)
    report_of(house, "c-0", "boot", 1, NINE + 5 * MINUTE, 1, 0, started=BEGIN, app="",
              topic="requests.dead_letter.v1")  # fmt: skip
    report_of(house, "c-0", "next", 1, NOW, 0, 0, started=NINE + 12 * MINUTE, hour=NINE + HOUR)
    report = house.reconcile()
    assert differing(report) == []
    note = comparison(report, "events.v1 requests").note
    assert "open from 2026-03-10 09:05 to 09:12 UTC" in note
    house.delete("raw.requests", "offset >= 105 AND topic = 'events.v1'")
    assert ("collector", "events.v1 requests", "a", -1) in differing(house.reconcile()), (
        "the lower bound is never open"
    )


def test_a_boot_killed_a_moment_ago_is_open_up_to_the_audited_instant(house: House) -> None:
    """Nobody has taken its slot yet, and nobody ever has to."""
    house.delete("audit.collector_reports", "reported_at >= toDateTime('2000-01-01', 'UTC')")
    for app, topic, requests, items in (
        ("a", "events.v1", 6, 12),
        ("", "requests.dead_letter.v1", 1, 0),
    ):
        report_of(house, "c-0", "boot", 1, NINE + 9 * MINUTE, requests, items, started=BEGIN,
                  app=app, topic=topic)  # fmt: skip
    report = house.reconcile(before=NINE + 10 * MINUTE)
    assert [one for one in differing(report) if one[0] == "collector"] == []
    note = comparison(report, "events.v1 requests").note
    assert "open from 2026-03-10 09:09 to 09:10 UTC" in note


def test_a_boot_that_ended_with_its_last_report_is_not_open(house: House) -> None:
    report_of(house, "c-0", "boot", 3, NOW, 10, 20, started=BEGIN, final=True)
    house.sql(
        "INSERT INTO raw.requests (topic, topic_id, partition, offset, received_at, app_id,"
        f" landing_seq) SELECT 'events.v1', '{TID}', 0, 99, {_at(NINE)}, 'a', 1"
    )
    assert ("collector", "events.v1 requests", "a", 1) in differing(house.reconcile())


def test_an_accepted_gap_stays_named_and_does_not_fail(house: House) -> None:
    house.sql(
        "INSERT INTO audit.landing_ranges (landing_seq, state, topic, topic_id, partition,"
        " start_offset, end_offset, recorded_at, note)"
        f" SELECT 3, 'gap_accepted', 'events.v1', '{TID}', 0, 110, 150, {_at(NINE)}, 'disk lost'"
    )
    for _ in range(2):
        report = house.reconcile()
        assert report.is_zero
        gap = comparison(report, "events.v1 (accepted gap)")
        assert (gap.left, gap.right, gap.difference, gap.is_accepted) == (40, 0, -40, True)
        assert "disk lost" in gap.note
        assert named(report, Identity.STREAM) == [("only_left", f"{TID}/0/110-150")]


def test_the_scheduled_audit_leaves_out_the_last_two_hours(house: House) -> None:
    house.delete("clean.events", "offset = 103")
    late = BEGIN + 10 * HOUR + 59 * MINUTE
    report = reconcile(house.warehouse, BEGIN, late, "x", late, mode=Mode.SCHEDULED)
    assert report.received_before_ms == BEGIN + 8 * HOUR
    assert report.open_comparisons == ()
    later = BEGIN + 12 * HOUR
    report = reconcile(house.warehouse, BEGIN, later, "y", later, mode=Mode.SCHEDULED)
    assert differing(report) == [("items", "events.v1", "a", -2)]


def test_sync_leaves_out_nothing_that_was_received_before_its_instant(house: House) -> None:
    middle = NINE + 5 * MINUTE
    report = house.reconcile(before=middle)
    items = comparison(report, "events.v1")
    assert items.left == items.right == 5
    assert report.is_zero, "what came later in the hour is counted by the collector, and landed"
    house.delete("clean.events", "offset = 104")
    assert differing(house.reconcile(before=middle)) == [("items", "events.v1", "a", -2)]


def test_the_same_audit_again_writes_nothing_twice(house: House) -> None:
    for _ in range(2):
        house.audits = 0
        house.reconcile()
    counts = house.warehouse.rows(
        "SELECT count(), uniqExact(identity, scope, app_id, hour) FROM audit.reconciliation"
    )
    assert counts[0][0] == counts[0][1] > 0


def test_completeness_ends_at_the_first_difference_of_the_layer_or_one_below(house: House) -> None:
    through = {one.table: one.through_ms for one in house.reconcile().completeness}
    assert set(through.values()) == {NOW}
    house.delete("clean.events", "offset = 103")
    through = {one.table: one.through_ms for one in house.reconcile().completeness}
    assert through["raw.requests"] == NOW
    assert through["clean.events"] == through["mart.attributed_installs"] == NINE


def test_completeness_of_a_mart_ends_at_the_first_row_that_waits_for_a_build(house: House) -> None:
    house.sql(
        "INSERT INTO audit.touched_days (mart, day, state, watermark) VALUES"
        " ('attribution', '2026-03-10', 'touched', 1)"
    )
    report = house.reconcile()
    through = {one.table: (one.through_ms, one.reason) for one in report.completeness}
    assert through["mart.installs"][0] == NOW
    assert through["mart.attributed_installs"] == (NINE, "1 day(s) wait to be built")


def test_the_report_says_the_verdict_first_and_names_the_rows(house: House, tmp_path: Path) -> None:
    house.delete("clean.events", "offset = 103 AND item_index = 1")
    report = house.reconcile()
    files = render(report, tmp_path, latest_quality(house.warehouse))
    assert {one.name for one in tmp_path.iterdir()} == {
        "audit-1.html",
        "audit-1.md",
        "latest.html",
    }
    html = files.html.read_text()
    assert html == (tmp_path / "latest.html").read_text()
    for text in (html, files.markdown_text):
        assert f"{TID}/0/103/0/1" in text
        assert text.index("comparisons differ") < text.index("What was compared")
    assert "http" not in html.replace("http://www.w3.org/2000/svg", ""), "nothing from outside"
    assert f"{utc(NOW):%Y-%m-%d %H:%M}" in files.markdown_text


def test_the_report_counts_what_counts_once(house: House, tmp_path: Path) -> None:
    """Installs and revenue are compared under each ruleset too, and requests by their items."""
    report = house.reconcile()
    text = render(report, tmp_path, latest_quality(house.warehouse)).markdown_text
    assert sum(one.left for one in report.comparisons if one.identity == Identity.INSTALLS) == 4
    assert "(installs) | 2 installs | 2 decisions |" in text
    assert "(revenue) | 2.5 " in text
    assert "(collector) | 11 " in text
    assert "| a | 20 | 2 |" in text, "an app: items, installs"
