"""Attribution against the bare SQL that writes the same rows, a day against its history, growth.

    python -m benchmarks.attribution                       1 M touches x 100 k installs
    python -m benchmarks.attribution --touches 3000000 --installs 300000
    python -m benchmarks.attribution --growth [--plot FILE]    1 to 20 M touches

The subject is what runs every day: ruleset as data, all ids, buckets, staging, contract checks,
publish. The floor is plain SQL written for one ruleset and this one market, straight into its
tables. Before anything is timed the content of both is compared: a floor that wrote other rows
would be no floor. Seconds are those of the processor: other work on the machine lengthens a wall
clock, and less so what the work costs.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.attribution_growth import measure_growth
from benchmarks.attribution_market import DAY, merge_once, write_market
from benchmarks.harness import (
    Comparison,
    arguments,
    forget_peak,
    in_turns,
    machine,
    peak_mib,
    report,
    sql,
)
from unmogrowp.attribution.build import (
    DECISIONS,
    build_attribution_day,
    build_installs_day,
)
from unmogrowp.attribution.candidates import CANDIDATES
from unmogrowp.attribution.history import VERSIONS
from unmogrowp.attribution.primary import standing_params
from unmogrowp.attribution.ruleset_params import ruleset_params
from unmogrowp.clock import SystemClock
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import ContentHash, content_hash, hash_expression
from unmogrowp.warehouse.migrator import Migrator

HISTORY_DAYS = 90


def main() -> int:
    """Measure both comparisons; return the exit code."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--touches", type=int, default=1_000_000)
    parser.add_argument("--installs", type=int, default=100_000)
    parser.add_argument("--devices", type=int, default=5_000, help="new devices a day (history)")
    parser.add_argument("--growth", action="store_true", help="cost against rows instead")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the growth into FILE")
    options = parser.parse_args()
    if options.growth:
        return measure_growth(options.seed, options.runs, options.plot, options.json, _say)
    with tempfile.TemporaryDirectory(prefix="unmogrowp-bench-") as folder:
        warehouse = Warehouse.embedded(folder)
        Migrator(warehouse).up()
        comparisons = [
            _against_bare_sql(warehouse, options.installs, options.touches, options.seed,
                              options.runs),
            _day_against_history(warehouse, options.devices, options.seed, options.runs),
        ]  # fmt: skip
        warehouse.close()
    report(comparisons, machine(("chdb", "clickhouse-connect")), options.json)
    return 0


def _against_bare_sql(
    warehouse: Warehouse, installs: int, touches: int, seed: int, runs: int
) -> Comparison:
    warehouse.execute("CREATE DATABASE IF NOT EXISTS floor")
    warehouse.execute(sql("floor_matched_table"))
    tables = {"candidates": CANDIDATES, "decisions": DECISIONS, "versions": VERSIONS}
    for name, table in tables.items():
        warehouse.execute(f"CREATE TABLE floor.{name} AS {table}")
    _say(f"generating {touches:,} touches and {installs:,} installs")
    # After the tables of the floor were made: they merge nothing either.
    write_market(warehouse, touches, installs, seed)
    # The decisions are one statement in the subject too; the floor runs it without buckets, and
    # reads installs where they are.
    decide = (
        named_queries.load("mart/attributed_installs")
        .replace("staging.{candidates:Identifier}", "floor.candidates")
        .replace(
            "staging.{subjects:Identifier}", f"({named_queries.load('mart/install_subjects')})"
        )
    )
    rules = {
        **ruleset_params(OURS),
        **standing_params((), OURS.ruleset_id, DAY),
        "day": DAY,
    }
    peaks = {"subject": 0, "floor": 0}

    def subject(_run: int) -> float:
        # As on the first build of a day, when every decision is reported for the first time.
        warehouse.execute(f"TRUNCATE TABLE {VERSIONS}")
        forget_peak()
        began = time.process_time()
        build_attribution_day(warehouse, OURS, DAY, 1, SystemClock())
        spent = time.process_time() - began
        peaks["subject"] = max(peaks["subject"], peak_mib())
        return spent

    def floor(_run: int) -> float:
        for name in ("matched", *tables):
            warehouse.execute(f"TRUNCATE TABLE floor.{name}")
        forget_peak()
        began = time.process_time()
        warehouse.execute(sql("floor_matched"), {"day": DAY})
        warehouse.execute(sql("floor_candidates"))
        warehouse.execute(f"INSERT INTO floor.decisions {decide}", rules)
        warehouse.execute(sql("floor_versions"))
        spent = time.process_time() - began
        peaks["floor"] = max(peaks["floor"], peak_mib())
        return spent

    subject(0)
    floor(0)
    for name, table in tables.items():
        ours, theirs = (_content(warehouse, one) for one in (table, f"floor.{name}"))
        if ours != theirs:
            raise SystemExit(f"the floor wrote other rows: {table} {ours}, floor.{name} {theirs}")
    rows = content_hash(warehouse, CANDIDATES).row_count
    suspected = warehouse.scalar(
        "SELECT countIf(notEmpty(fraud_verdicts)) FROM mart.attribution_candidates"
    )
    comparison = Comparison(
        name="attribution",
        subject="build of a day, staged, checked and published",
        floor="bare SQL that writes the same rows",
        unit="CPU seconds",
        is_higher_better=False,
    )
    in_turns(comparison, subject, floor, runs, _say)
    comparison.note = (
        f"{touches:,} touches, {installs:,} installs, {rows:,} candidates, {suspected:,} of them"
        f" with fraud verdicts; peak of the process {peaks['subject']:,} MiB against"
        f" {peaks['floor']:,} MiB"
    )
    return comparison


def _day_against_history(warehouse: Warehouse, devices: int, seed: int, runs: int) -> Comparison:
    """Build the same day of installs with and without 89 days before it."""
    _say(f"generating {HISTORY_DAYS} days of {devices:,} new devices each")
    warehouse.execute("CREATE TABLE floor.history AS clean.events")
    warehouse.execute(
        sql("history_events"),
        {"day": DAY, "seed": seed, "devices": devices, "days": HISTORY_DAYS},
    )
    merge_once(warehouse, ("clean.events",))

    def build() -> float:
        began = time.process_time()
        build_installs_day(warehouse, DAY, 1, SystemClock())
        return time.process_time() - began

    def with_history(_run: int) -> float:
        return build()

    def without_history(_run: int) -> float:
        warehouse.execute("EXCHANGE TABLES clean.events AND floor.history")
        try:
            return build()
        finally:
            warehouse.execute("EXCHANGE TABLES clean.events AND floor.history")

    warehouse.execute(
        "ALTER TABLE floor.history REPLACE PARTITION {day:Date} FROM clean.events", {"day": DAY}
    )
    with_history(0)
    without_history(0)
    comparison = Comparison(
        name="one more day",
        subject=f"installs of a day on top of {HISTORY_DAYS} days",
        floor="the same day without history",
        unit="CPU seconds",
        is_higher_better=False,
    )
    in_turns(comparison, with_history, without_history, runs, _say)
    rows = warehouse.scalar("SELECT count() FROM clean.events")
    today = warehouse.scalar("SELECT count() FROM floor.history")
    comparison.note = f"{today:,} events on the day, {rows:,} in all"
    return comparison


def _content(warehouse: Warehouse, table: str) -> ContentHash:
    """Hash a table without the instants at which its rows were written."""
    terms = hash_expression(warehouse, table).replace("`known_from`", "0")
    count, checksum = warehouse.rows(f"SELECT count(), {terms} FROM {table}")[0]  # noqa: S608
    return ContentHash(int(count), int(checksum))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    raise SystemExit(main())
