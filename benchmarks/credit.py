"""Multi-touch credit against the Python packages of the field, and the marts at growing size.

    python -m benchmarks.credit                       100,000 distinct paths, against the field
    python -m benchmarks.credit --growth --plot FILE  a day of the marts with 1, 3 and 10 M touches
    python -m benchmarks.credit --growth --sizes 300000 1000000

Every comparison gives both sides the same journeys in the same run, from the text of the paths to
credit by channel. Before anything is timed the credit of both is compared. `channelattribution`
simulates its Markov chain; it runs with its own defaults, which are quicker and less exact than
what it would take to come near the exact answer: the note says by how much it is off.

Everything is CPU seconds of this process, all threads and the engine included: what else runs on
the machine counts for little then.
"""

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.attribution_market import DAY, TOUCHES_PER_INSTALL, write_market
from benchmarks.harness import (
    Comparison,
    Figures,
    arguments,
    forget_peak,
    in_turns,
    machine,
    peak_mib,
    publish,
    report,
)
from unmogrowp.attribution import credit_paths
from unmogrowp.attribution.credit_build import build_credit_day
from unmogrowp.attribution.journey_definitions import INSTALLS
from unmogrowp.clock import SystemClock
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator

PACKAGES = ("channelattribution", "marketing-attribution-models", "polars", "chdb")
CHANNELS = 15
# How many channels there are should not matter for exact Shapley values.
CHANNEL_COUNTS = (5, 15, 50, 200)
RULES = ("first", "last", "linear", "position_based")
FIVE = ("first", "last", "linear", "position_based", "time_decay")


def main() -> int:
    """Measure; return the exit code."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--paths", type=int, default=100_000, help="distinct paths")
    parser.add_argument("--growth", action="store_true", help="the marts at growing size instead")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000],
        help="with --growth: touches of the marts, ten for each conversion",
    )  # fmt: skip
    parser.add_argument("--plot", type=Path, help="with --growth: where the plot goes")
    options = parser.parse_args()
    if options.growth:
        grown = marts(options.sizes, options.seed)
        lines = [
            f"marts, {one['touches']:,} touches x {one['installs']:,} conversions: five rule models"
            f" laid out, checked and published in {one['cpu_seconds']:,.1f} CPU s,"
            f" peak {one['peak_mib']:,} MiB"
            for one in grown
        ]
        publish(lines, machine(PACKAGES), options.json, growth=grown)
        if options.plot:
            draw(grown, options.plot)
        return 0
    table = made_up_paths(options.paths, options.seed)
    comparisons = [
        rule_models(table, options.runs),
        *(markov(table, order, options.runs) for order in (1, 2)),
        shapley(table, options.runs),
    ]
    report(comparisons, machine(PACKAGES), options.json)
    for count in CHANNEL_COUNTS:
        seconds, mib = shapley_cost(made_up_paths(options.paths, options.seed, count), options.runs)
        sys.stdout.write(
            f"Shapley, {count} channels, {options.paths:,} distinct paths: {seconds:.2f} CPU s,"
            f" {mib:,} MiB more\n"
        )
    return 0


def made_up_paths(count: int, seed: int, channels: int = CHANNELS) -> pl.DataFrame:
    """Return distinct paths as text with conversions, value and nulls; some channels are rare."""
    random = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, channels + 1)
    names = np.array([f"channel {number:02}" for number in range(channels)])
    found: set[str] = set()
    while len(found) < count:
        lengths = 1 + random.geometric(0.16, size=count)
        touches = random.choice(names, size=int(lengths.sum()), p=weights / weights.sum())
        for path in np.split(touches, np.cumsum(lengths)[:-1]):
            if len(found) < count:
                found.add(">".join(path))
    conversions = random.poisson(0.7, size=count)
    return pl.DataFrame(
        {
            "path": sorted(found),
            "conversions": conversions,
            "value": conversions * random.gamma(2.0, 10.0, size=count),
            "nulls": random.poisson(5.0, size=count),
        }
    )


def ours(table: pl.DataFrame, models: tuple[str, ...]) -> pl.DataFrame:
    """Return credit from paths as text: what a user does."""
    return credit_paths(table.with_columns(pl.col("path").str.split(">")), models)


def rule_models(table: pl.DataFrame, runs: int) -> Comparison:
    """Four rule models, against marketing-attribution-models."""
    theirs = _mam_rules(table)
    for model, credit in theirs().items():
        _compare(model, _by_channel(ours(table, (model,))), credit, 1e-9)
    comparison = Comparison(
        name="rule models",
        subject="credit_paths",
        floor="marketing-attribution-models",
        unit="CPU s",
        is_higher_better=False,
        note=f"{', '.join(RULES)} over {table.height:,} distinct paths",
    )
    return in_turns(comparison, _seconds(lambda: ours(table, RULES)), _seconds(theirs), runs, _say)


def _mam_rules(table: pl.DataFrame) -> Callable[[], dict[str, dict[str, float]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mam
    runs = {
        "first": "run_first_click",
        "last": "run_last_click",
        "linear": "run_linear",
        "position_based": "run_position_based",
    }
    grouped = _grouped(table)

    def run() -> dict[str, dict[str, float]]:
        journeys = mam.MAM(
            grouped,
            format_type="grouped_journey",
            channels_colname="path",
            journey_with_conv_colname="converted",
            path_separator=">",
        )
        return {
            model: {
                str(name): float(part)
                for name, part in getattr(journeys, method)().to_polars().iter_rows()
            }
            for model, method in runs.items()
        }

    return run


def _grouped(table: pl.DataFrame) -> pl.DataFrame:
    led = table.select("path", pl.col("conversions").alias("occurrences"), converted=True)
    lost = table.select("path", pl.col("nulls").alias("occurrences"), converted=False)
    return pl.concat([led, lost]).filter(pl.col("occurrences") > 0)


def markov(table: pl.DataFrame, order: int, runs: int) -> Comparison:
    """A Markov chain of one order, against channelattribution (C++) with its defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ChannelAttribution

    frame = table.to_pandas()
    model = f"markov_{order}"

    def theirs() -> dict[str, float]:
        found = ChannelAttribution.markov_model(
            frame, "path", "conversions", var_value="value", var_null="nulls", order=order,
            sep=">", max_step=100_000, seed=1, verbose=False, flg_pro=False,
        )  # fmt: skip
        return dict(zip(found.iloc[:, 0], found.iloc[:, 1], strict=True))

    exact = _by_channel(ours(table, (model,)))
    large = {name: part for name, part in exact.items() if part > 0.01 * sum(exact.values())}
    off = max(abs(theirs()[name] / part - 1) for name, part in large.items())
    comparison = Comparison(
        name=f"Markov, order {order}",
        subject="credit_paths (exact)",
        floor="channelattribution (simulated, its defaults)",
        unit="CPU s",
        is_higher_better=False,
        note=f"{table.height:,} distinct paths; the simulation is off by up to {off:.1%} for"
        " channels above 1 % share",
    )
    return in_turns(
        comparison, _seconds(lambda: ours(table, (model,))), _seconds(theirs), runs, _say
    )


def shapley(table: pl.DataFrame, runs: int) -> Comparison:
    """Shapley values, against marketing-attribution-models (its own game, of four channels)."""
    import mam

    grouped = _grouped(table)

    def theirs() -> object:
        journeys = mam.MAM(
            grouped,
            format_type="grouped_journey",
            channels_colname="path",
            journey_with_conv_colname="converted",
            path_separator=">",
        )
        return journeys.run_shapley().to_polars()

    comparison = Comparison(
        name="Shapley",
        subject="credit_paths (all channels)",
        floor="marketing-attribution-models (last 4 channels of a path)",
        unit="CPU s",
        is_higher_better=False,
        note=f"{table.height:,} distinct paths; the two play different games",
    )
    return in_turns(
        comparison, _seconds(lambda: ours(table, ("shapley",))), _seconds(theirs), runs, _say
    )


def shapley_cost(table: pl.DataFrame, runs: int) -> tuple[float, int]:
    """Return the median CPU seconds of Shapley values, and the MiB that they took at most."""
    forget_peak()
    before = peak_mib()
    measured = _seconds(lambda: ours(table, ("shapley",)))
    seconds = statistics.median(measured(run) for run in range(runs))
    return seconds, peak_mib() - before


def marts(sizes: Sequence[int], seed: int) -> list[Figures]:
    """Return what a published day with five rule models takes, for each number of touches."""
    journey = INSTALLS.model_copy(update={"models": FIVE})
    found = []
    for touches in sizes:
        with tempfile.TemporaryDirectory(prefix="unmogrowp-bench-") as folder:
            warehouse = Warehouse.embedded(folder)
            Migrator(warehouse).up()
            installs = touches // TOUCHES_PER_INSTALL
            _say(f"generating {touches:,} touches and {installs:,} installs")
            write_market(warehouse, touches, installs, seed)
            forget_peak()
            began = time.process_time()
            built = build_credit_day(warehouse, journey, DAY, 1, SystemClock())
            seconds = time.process_time() - began
            found.append(
                {
                    "touches": touches,
                    "installs": installs,
                    "cpu_seconds": seconds,
                    "peak_mib": peak_mib(),
                }
            )
            _say(f"{touches:,} touches: {seconds:.1f} CPU s, rows {built.row_counts}")
            warehouse.close()
    return found


def draw(growth: Sequence[Figures], file: Path) -> None:
    """Draw seconds against touches, with the line through the smallest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.subplots()
    touches = [one["touches"] / 1e6 for one in growth]
    seconds = [one["cpu_seconds"] for one in growth]
    axes.plot(touches, seconds, "o-", label="a day of credit, five rule models")
    axes.plot(
        touches, [seconds[0] * one / touches[0] for one in touches], "--", color="grey",
        label="in proportion to the smallest",
    )  # fmt: skip
    axes.set_xlabel("million touches, ten for each conversion")
    axes.set_ylabel("CPU seconds")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(file, dpi=110)


def _by_channel(credit: pl.DataFrame) -> dict[str, float]:
    return dict(credit.select("channel", "conversions").iter_rows())


def _compare(model: str, one: dict[str, float], other: dict[str, float], tolerance: float) -> None:
    for name, part in one.items():
        if abs(part - other.get(name, 0.0)) > tolerance * max(1.0, abs(part)):
            raise SystemExit(f"{model}: {name} gets {part} here and {other.get(name)} there")


def _seconds(work: Callable[[], object]) -> Callable[[int], float]:
    def measured(_run: int) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return measured


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    raise SystemExit(main())
