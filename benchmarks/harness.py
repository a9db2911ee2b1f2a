"""What every benchmark shares: interleaved runs, medians, ratios, and where they were measured.

Absolute figures of a shared machine are noise. What counts is the ratio between a subject and a
floor that does the least possible for the same work, measured in turns within one run.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SQL = Path(__file__).parent / "sql"
# What was measured, by name, as it is written to a file.
Figures = dict[str, Any]


@dataclass(slots=True)
class Comparison:
    """One subject against one floor; values are in `unit`, higher is better unless said."""

    name: str
    subject: str
    floor: str
    unit: str
    subject_values: list[float] = field(default_factory=list)
    floor_values: list[float] = field(default_factory=list)
    is_higher_better: bool = True
    note: str = ""

    @property
    def subject_median(self) -> float:
        """Return the median of the subject."""
        return statistics.median(self.subject_values)

    @property
    def floor_median(self) -> float:
        """Return the median of the floor."""
        return statistics.median(self.floor_values)

    @property
    def ratio(self) -> float:
        """Return the median of subject / floor, pair by pair."""
        return statistics.median(
            one / other for one, other in zip(self.subject_values, self.floor_values, strict=True)
        )


def in_turns(
    comparison: Comparison,
    subject: Callable[[int], float],
    floor: Callable[[int], float],
    runs: int,
    on_run: Callable[[str], None] = lambda _line: None,
) -> Comparison:
    """Measure A B A B …; each callable gets the number of the run and returns one value."""
    for run in range(runs):
        first, second = (subject, floor) if run % 2 == 0 else (floor, subject)
        values = {first: first(run), second: second(run)}
        comparison.subject_values.append(values[subject])
        comparison.floor_values.append(values[floor])
        on_run(
            f"{comparison.name} {run + 1}/{runs}: {values[subject]:,.0f} against "
            f"{values[floor]:,.0f} {comparison.unit}"
        )
    return comparison


def sql(name: str) -> str:
    """Return a statement of the benchmarks."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def forget_peak() -> None:
    """Ask the kernel to measure the peak of resident memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int:
    """Return the peak of resident memory since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def machine(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, memory, versions."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def arguments(description: str, runs: int = 5) -> argparse.ArgumentParser:
    """Return a parser with the options every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=runs, help=f"measured pairs (default {runs})")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


def report(
    comparisons: list[Comparison], machine_facts: dict[str, Any], json_file: Path | None
) -> None:
    """Print a line per comparison and write the figures where asked."""
    figures = [
        {
            **asdict(one),
            "ratio": one.ratio,
            "subject_median": one.subject_median,
            "floor_median": one.floor_median,
        }
        for one in comparisons
    ]
    publish(map(_line, comparisons), machine_facts, json_file, comparisons=figures)


def publish(
    lines: Iterable[str], machine_facts: dict[str, Any], json_file: Path | None, **figures: Any
) -> None:
    """Print where it was measured and the lines; write the figures, by name, where asked."""
    sys.stdout.write(f"\n{json.dumps(machine_facts)}\n\n")
    for line in lines:
        sys.stdout.write(f"{line}\n")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps({"machine": machine_facts, **figures}, indent=1) + "\n")


def _line(one: Comparison) -> str:
    direction = "" if one.is_higher_better else " (lower is better)"
    return (
        f"{one.name}: {one.subject} {one.subject_median:,.2f} {one.unit}, "
        f"{one.floor} {one.floor_median:,.2f}, ratio {one.ratio:.2f}{direction}"
        f"{'; ' + one.note if one.note else ''}"
    )
