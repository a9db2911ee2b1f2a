"""Cost of attribution against rows: one process per size, so that no size pays for another.

One size by hand, figures as JSON, `--folder FOLDER --touches 3000000` behind each:

    python -m benchmarks.attribution_growth --generate
    python -m benchmarks.attribution_growth
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.attribution_market import (
    DAY,
    TOUCHES_PER_INSTALL,
    merge_once,
    stop_merging,
    write_market,
)
from benchmarks.harness import Figures, forget_peak, machine, peak_mib, publish
from unmogrowp.attribution.build import DECISIONS, build_attribution_day
from unmogrowp.attribution.candidates import CANDIDATES
from unmogrowp.attribution.history import VERSIONS
from unmogrowp.attribution.reach import reach_of
from unmogrowp.clock import SystemClock
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator

MILLIONS = (1, 3, 10, 20)
LONGEST_SECONDS = 3600


def measure_growth(
    seed: int, runs: int, plot: Path | None, json_file: Path | None, say: Callable[[str], None]
) -> int:
    """Measure every size, print a line each, draw and write where asked; return the exit code."""
    figures: list[Figures] = []
    for millions in MILLIONS:
        touches = millions * 1_000_000
        say(f"growth: {touches:,} touches")
        with tempfile.TemporaryDirectory(prefix="unmogrowp-bench-") as folder:
            given = [f"--folder={folder}", f"--touches={touches}", f"--seed={seed}"]
            _python("--generate", *given)
            # What the generator wrote is on the disk before anything is measured.
            os.sync()
            figures.append(json.loads(_python(*given, f"--runs={runs}")))
    lines = [
        f"growth: {one['touches']:,} touches, {one['installs']:,} installs,"
        f" {one['candidates']:,} candidates, {one['buckets']} buckets:"
        f" {one['cpu_seconds']:.1f} CPU seconds,"
        f" {one['cpu_seconds'] / one['touches'] * 1e6:.2f} a million touches,"
        f" and {one['merge_cpu_seconds'] / one['touches'] * 1e6:.2f} when its rows are merged,"
        f" peak {one['peak_mib']:,} MiB"
        for one in figures
    ]
    publish(lines, machine(("chdb", "clickhouse-connect")), json_file, growth=figures)
    if plot is not None:
        draw(figures, plot)
    return 0


def _python(*options: str) -> str:
    """Run this module in a process of its own: what one leaves in memory is not the next one's."""
    command = [sys.executable, "-m", __name__, *options]
    ended = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST_SECONDS
    )
    return ended.stdout


def generate(folder: Path, touches: int, seed: int) -> None:
    """Write a day of so many touches, and of a tenth of that in installs."""
    warehouse = Warehouse.embedded(str(folder))
    Migrator(warehouse).up()
    write_market(warehouse, touches, touches // TOUCHES_PER_INSTALL, seed)
    warehouse.close()


def measure(folder: Path, touches: int, runs: int) -> Figures:
    """Build the day that `generate` wrote, a few times.

    The processor seconds are those of the cheapest build: what other work on the machine adds to
    them is not the build's. Merging is the engine's, whenever it comes to it; how much of it a
    build leaves is measured apart, as each of its rows merged once. The peak is that of the
    largest build, the process itself in it.
    """
    spent, peak = [], 0
    warehouse = Warehouse.embedded(str(folder))
    stop_merging(warehouse)
    reach = reach_of(warehouse, OURS, DAY)
    for _ in range(runs):
        warehouse.execute(f"TRUNCATE TABLE {VERSIONS}")
        forget_peak()
        began = time.process_time()
        build_attribution_day(warehouse, OURS, DAY, 1, SystemClock())
        spent.append(time.process_time() - began)
        peak = max(peak, peak_mib())
    began = time.process_time()
    merge_once(warehouse, (CANDIDATES, DECISIONS, VERSIONS))
    merged = time.process_time() - began
    candidates = int(warehouse.scalar("SELECT count() FROM mart.attribution_candidates"))
    warehouse.close()
    return {
        "touches": touches,
        "installs": reach.installs,
        "candidates": candidates,
        "buckets": reach.buckets,
        "cpu_seconds": min(spent),
        "merge_cpu_seconds": merged,
        "peak_mib": peak,
    }


def draw(figures: Sequence[Figures], file: Path) -> None:
    """Draw cost and memory against rows, with the line through the origin and the first size."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    touches = [one["touches"] / 1e6 for one in figures]
    cpu = [one["cpu_seconds"] for one in figures]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    left.plot([0, touches[-1]], [0, cpu[0] / touches[0] * touches[-1]], "--", color="grey",
              label="as many times the first build")  # fmt: skip
    left.plot(touches, cpu, "o-", label="the build")
    merged = [spent + one["merge_cpu_seconds"] for spent, one in zip(cpu, figures, strict=True)]
    left.plot(touches, merged, "o:", label="and its rows merged once")
    left.set(xlabel="million touches, ten for each install", ylabel="CPU seconds",
             title="A day decided with evidence", ylim=(0, None))  # fmt: skip
    left.legend()
    right.plot(
        touches, [one["peak_mib"] / 1024 for one in figures], "o-", label="peak of the process"
    )
    right.axhline(4, linestyle="--", color="grey", label="limit")
    right.set(xlabel="million touches, ten for each install", ylabel="GiB", title="Memory",
              ylim=(0, None))  # fmt: skip
    right.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main() -> int:
    """Generate or measure one size; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--touches", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--generate", action="store_true", help="write the market")
    options = parser.parse_args()
    if options.generate:
        generate(options.folder, options.touches, options.seed)
    else:
        figures = measure(options.folder, options.touches, options.runs)
        sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
