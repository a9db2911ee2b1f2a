"""Attribution against the bare SQL that writes the same rows, and a day against its history.

    python -m benchmarks.attribution                       1 M touches x 100 k installs
    python -m benchmarks.attribution --touches 10000000 --installs 1000000

The subject is what runs every day: staging, contract checks, publish, ruleset as data, buckets.
The floor is one plain statement per table, written for one ruleset, straight into its target.
Before anything is timed the content of both is compared: a floor that wrote other rows would be
no floor.
"""

import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.harness import Comparison, arguments, in_turns, machine, report
from unmogrowp.attribution.build import (
    CANDIDATES,
    DECISIONS,
    build_attribution_day,
    build_installs_day,
    ruleset_params,
)
from unmogrowp.clock import SystemClock
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash
from unmogrowp.warehouse.migrator import Migrator

SQL = Path(__file__).parent / "sql"
DAY = date(2026, 3, 10)
HISTORY_DAYS = 90


def main() -> int:
    """Measure both comparisons; return the exit code."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--touches", type=int, default=1_000_000)
    parser.add_argument("--installs", type=int, default=100_000)
    parser.add_argument("--devices", type=int, default=5_000, help="new devices a day (history)")
    options = parser.parse_args()
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
    params = {"day": DAY, "seed": seed, "installs": installs, "touches": touches}
    _say(f"generating {touches:,} touches and {installs:,} installs")
    warehouse.execute(_sql("market_installs"), params)
    warehouse.execute(_sql("market_touches"), params)
    warehouse.execute("CREATE DATABASE IF NOT EXISTS floor")
    warehouse.execute(f"CREATE TABLE floor.candidates AS {CANDIDATES}")
    warehouse.execute(f"CREATE TABLE floor.decisions AS {DECISIONS}")
    # The decisions are one statement in the subject too; the floor runs it without buckets.
    decide = named_queries.load("mart/attributed_installs").replace(
        "staging.{candidates:Identifier}", "floor.candidates"
    )
    rules = {**ruleset_params(OURS), "day": DAY, "buckets": 1, "bucket": 0}
    peaks = {"subject": 0, "floor": 0}

    def subject(_run: int) -> float:
        _forget_peak()
        began = time.perf_counter()
        build_attribution_day(warehouse, OURS, DAY, 1, SystemClock())
        spent = time.perf_counter() - began
        peaks["subject"] = max(peaks["subject"], _peak_mib())
        return spent

    def floor(_run: int) -> float:
        for table in ("floor.candidates", "floor.decisions"):
            warehouse.execute(f"TRUNCATE TABLE {table}")
        _forget_peak()
        began = time.perf_counter()
        warehouse.execute(_sql("floor_candidates"), {"day": DAY})
        warehouse.execute(f"INSERT INTO floor.decisions {decide}", rules)
        spent = time.perf_counter() - began
        peaks["floor"] = max(peaks["floor"], _peak_mib())
        return spent

    subject(0)
    floor(0)
    for table, other in ((CANDIDATES, "floor.candidates"), (DECISIONS, "floor.decisions")):
        ours, theirs = content_hash(warehouse, table), content_hash(warehouse, other)
        if ours != theirs:
            raise SystemExit(f"the floor wrote other rows: {table} {ours}, {other} {theirs}")
    rows = content_hash(warehouse, CANDIDATES).row_count
    comparison = Comparison(
        name="attribution",
        subject="build of a day, staged, checked and published",
        floor="bare SQL that writes the same rows",
        unit="seconds",
        is_higher_better=False,
    )
    in_turns(comparison, subject, floor, runs, _say)
    comparison.note = (
        f"{touches:,} touches, {installs:,} installs, {rows:,} candidates; peak of the process"
        f" {peaks['subject']:,} MiB against {peaks['floor']:,} MiB"
    )
    return comparison


def _day_against_history(warehouse: Warehouse, devices: int, seed: int, runs: int) -> Comparison:
    """Build the same day of installs with and without 89 days before it."""
    _say(f"generating {HISTORY_DAYS} days of {devices:,} new devices each")
    warehouse.execute("CREATE TABLE floor.history AS clean.events")
    warehouse.execute(
        _sql("history_events"),
        {"day": DAY, "seed": seed, "devices": devices, "days": HISTORY_DAYS},
    )
    warehouse.execute("OPTIMIZE TABLE clean.events FINAL")

    def build() -> float:
        began = time.perf_counter()
        build_installs_day(warehouse, DAY, 1, SystemClock())
        return time.perf_counter() - began

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
        unit="seconds",
        is_higher_better=False,
    )
    in_turns(comparison, with_history, without_history, runs, _say)
    rows = warehouse.scalar("SELECT count() FROM clean.events")
    today = warehouse.scalar("SELECT count() FROM floor.history")
    comparison.note = f"{today:,} events on the day, {rows:,} in all"
    return comparison


def _sql(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _forget_peak() -> None:
    """Ask the kernel to measure the peak of resident memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
