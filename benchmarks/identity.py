"""Identities: everything stitched at once, and a small batch on top of it.

    python -m benchmarks.identity                      10 M edges
    python -m benchmarks.identity --edges 1000000

The full build is read, written and published as every day; its floor is the stitching alone, the
same edges as numbers in memory. The batch brings a thousandth of new phones; its floor is the same
batch on a tenth of the history. Both are CPU seconds of this process, engine included.
"""

import sys
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.harness import (
    Comparison,
    arguments,
    forget_peak,
    machine,
    peak_mib,
    report,
    sql,
)
from unmogrowp.clock import SystemClock
from unmogrowp.identity.build import COMPONENT_LIMIT, Stitcher
from unmogrowp.identity.components import stitch
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator

EVENTS = sql("identity_events")
EDGES_PER_PHONE = 3
TABLES = ("clean.events", "clean.identity_links", "clean.identities", "audit.identity_builds")


def main() -> int:
    """Measure both; return the exit code."""
    parser = arguments(__doc__ or "", runs=3)
    parser.add_argument("--edges", type=int, default=10_000_000, help="edges (default 10 million)")
    options = parser.parse_args()
    phones = options.edges // EDGES_PER_PHONE
    with tempfile.TemporaryDirectory(prefix="unmogrowp-bench-") as folder:
        warehouse = Warehouse.embedded(folder)
        Migrator(warehouse).up()
        batch = Comparison(
            "a batch of phones", f"on {phones:,}", f"on {phones // 10:,}", "CPU s",
            is_higher_better=False,
        )  # fmt: skip
        _history(warehouse, phones // 10)
        batch.floor_values = _batches(warehouse, phones // 10, phones // 1000, options.runs)
        forget_peak()
        built = _history(warehouse, phones)
        peak = peak_mib()
        batch.subject_values = _batches(warehouse, phones, phones // 1000, options.runs)
        warehouse.close()
    whole = Comparison(
        "everything at once", "build", "numpy alone", "CPU s", is_higher_better=False,
        note=f"wall {built['wall_s']:.0f} s, {built['rows']:,} rows, peak {peak:,} MiB",
    )  # fmt: skip
    whole.subject_values = [built["cpu_s"]]
    whole.floor_values = [_numbers_alone(phones)]
    report([whole, batch], machine(("chdb", "scipy", "polars")), options.json)
    return 0


def _history(warehouse: Warehouse, phones: int) -> dict[str, Any]:
    """Stitch a fresh history of phones."""
    for table in TABLES:
        warehouse.execute(f"TRUNCATE TABLE {table}")
    _say(f"generating {phones * 2:,} events")
    for first in range(0, phones, 1_000_000):
        count = min(1_000_000, phones - first)
        warehouse.execute(EVENTS, {"first": first, "devices": count, "landing_seq": 1})
    began, cpu = time.perf_counter(), time.process_time()
    (done,) = Stitcher(warehouse, SystemClock()).stitch(1)
    spent = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    _say(f"{done.summary}: {spent['wall_s']:.1f} s, {spent['cpu_s']:.1f} CPU s")
    return {**spent, "rows": done.counts.row_count}


def _batches(warehouse: Warehouse, phones: int, size: int, runs: int) -> list[float]:
    """Land batches of new phones, some of which are reinstalls, and stitch each."""
    spent = []
    for run in range(runs):
        seq = run + 2
        warehouse.execute(
            EVENTS, {"first": phones + run * size, "devices": size, "landing_seq": seq}
        )
        cpu = time.process_time()
        (done,) = Stitcher(warehouse, SystemClock()).stitch(seq)
        spent.append(time.process_time() - cpu)
        _say(f"{done.summary}: {spent[-1]:.2f} CPU s")
    return spent


def _numbers_alone(phones: int) -> float:
    """Return the CPU seconds of stitching the same graph without an engine or a text."""
    phone = np.arange(phones)
    shared = np.where((phone % 10 == 0) & (phone > 0), phone - 1, phone)
    edges = np.concatenate(
        [
            np.stack([phone, phones * n + ids], axis=1)
            for n, ids in ((1, shared), (2, phone), (3, phone))
        ]
    )
    cpu = time.process_time()
    stitch(phones * 4, edges, COMPONENT_LIMIT)
    return time.process_time() - cpu


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    raise SystemExit(main())
