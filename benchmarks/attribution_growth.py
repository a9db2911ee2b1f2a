"""Cost of attribution against rows: one process per size, so that no size pays for another.

python -m benchmarks.attribution_growth --touches 3000000      one size, figures as JSON
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.attribution_market import DAY, TOUCHES_PER_INSTALL, write_market
from benchmarks.harness import Figures, forget_peak, machine, peak_mib, publish
from unmogrowp.attribution.build import build_attribution_day
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
        command = [sys.executable, "-m", __name__, "--touches", str(touches)]
        ended = subprocess.run(
            [*command, "--seed", str(seed), "--runs", str(runs)],
            check=True,
            stdout=subprocess.PIPE,
            timeout=LONGEST_SECONDS,
        )
        figures.append(json.loads(ended.stdout))
    lines = [
        f"growth: {one['touches']:,} touches, {one['installs']:,} installs,"
        f" {one['candidates']:,} candidates, {one['buckets']} buckets:"
        f" {one['cpu_seconds']:.1f} CPU seconds,"
        f" {one['cpu_seconds'] / one['touches'] * 1e6:.2f} a million touches,"
        f" peak {one['peak_mib']:,} MiB"
        for one in figures
    ]
    publish(lines, machine(("chdb", "clickhouse-connect")), json_file, growth=figures)
    if plot is not None:
        draw(figures, plot)
    return 0


def measure(touches: int, seed: int, runs: int) -> Figures:
    """Build a day of so many touches, and of a tenth of that in installs, a few times.

    The processor seconds are those of the cheapest build: what other work on the machine adds to
    them is not the build's. The peak is that of the largest, the process itself in it.
    """
    installs = touches // TOUCHES_PER_INSTALL
    spent, peak = [], 0
    with tempfile.TemporaryDirectory(prefix="unmogrowp-bench-") as folder:
        warehouse = Warehouse.embedded(folder)
        Migrator(warehouse).up()
        write_market(warehouse, touches, installs, seed)
        buckets = reach_of(warehouse, OURS, DAY).buckets
        for _ in range(runs):
            warehouse.execute("TRUNCATE TABLE mart.decision_versions")
            forget_peak()
            began = time.process_time()
            build_attribution_day(warehouse, OURS, DAY, 1, SystemClock())
            spent.append(time.process_time() - began)
            peak = max(peak, peak_mib())
        candidates = int(warehouse.scalar("SELECT count() FROM mart.attribution_candidates"))
        warehouse.close()
    return {
        "touches": touches,
        "installs": installs,
        "candidates": candidates,
        "buckets": buckets,
        "cpu_seconds": min(spent),
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
              label="as many times the first")  # fmt: skip
    left.plot(touches, cpu, "o-", label="measured")
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
    """Measure one size; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--touches", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(measure(options.touches, options.seed, options.runs)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
