"""Minutes of load at half of what the collector takes: every component's memory must be flat.

python -m tests.soak.memory [--seconds 600] [--plot docs/memory.png] [--json FILE]

Flat: after a third of the time for warming up, the median of the last third is at most
1.15 times the median of the second third, plus 32 MiB.
"""

import argparse
import json
import signal
import statistics
import sys
import threading
import time
from pathlib import Path

from local_stack.data_folder import DataFolder
from local_stack.memory import by_component
from tests.e2e.platform import App, Platform
from tests.running_stack import running_stack
from tests.soak.load import ACKNOWLEDGED, Load, disagreements

CONNECTIONS = 32
BATCH_SIZE = 100
MEASURE_SECONDS = 15.0
SAMPLE_SECONDS = 2.0
SHOW_SECONDS = 30
GROWTH = 1.15
SLACK_MIB = 32
SYNC_SECONDS = 1_200

Samples = dict[str, list[tuple[float, float]]]  # component: (seconds, MiB)


def measured_maximum(platform: Platform, app: App) -> float:
    """Return the requests a second the collector acknowledges when nothing holds clients back."""
    load = Load(platform, app, connections=CONNECTIONS, batch_size=BATCH_SIZE)
    tally = load.run(MEASURE_SECONDS)
    return tally.count(ACKNOWLEDGED) / tally.seconds


def sample(platform: Platform, load: Load, seconds: float) -> Samples:
    """Look at every component until the time is over; show how it goes."""
    home = DataFolder(platform.home)
    samples: Samples = {}
    began = shown = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        now = by_component(home)
        for name, mib in now.items():
            samples.setdefault(name, []).append((elapsed, mib))
        if time.monotonic() - shown > SHOW_SECONDS:
            shown = time.monotonic()
            sizes = ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(now.items()))
            print(f"{elapsed:4.0f} of {seconds:.0f} s: {sizes} MiB; {load.tally}", flush=True)
        time.sleep(SAMPLE_SECONDS)
    return samples


def growth(points: list[tuple[float, float]], seconds: float) -> tuple[float, float, bool]:
    """Return the medians of the second and last third, and whether the last one is flat."""
    middle = [mib for at, mib in points if seconds / 3 <= at < 2 * seconds / 3]
    last = [mib for at, mib in points if at >= 2 * seconds / 3]
    if not middle or not last:
        return 0, 0, True
    before, after = statistics.median(middle), statistics.median(last)
    return before, after, after <= GROWTH * before + SLACK_MIB


def plot(samples: Samples, rate: float, file: Path) -> None:
    """Draw one line per component."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5))
    for name, points in sorted(samples.items(), key=lambda entry: -entry[1][-1][1]):
        axes.plot([at for at, _ in points], [mib for _, mib in points], label=name, linewidth=1.2)
    axes.set_xlabel("seconds")
    axes.set_ylabel("MiB (PSS)")
    axes.set_ylim(bottom=0)
    axes.set_title(f"Memory at {rate * BATCH_SIZE:,.0f} events a second, half the maximum")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110, bbox_inches="tight")
    print(f"plot: {file}")


def main() -> int:
    """Run it, print what was seen, and return 0 when everything held."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the stack is stopped
    parser = argparse.ArgumentParser(description="Memory under load; all components, by PSS.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--plot", type=Path, help="write a PNG")
    parser.add_argument("--json", type=Path, help="write the samples")
    options = parser.parse_args()
    print("starting a stack of its own", flush=True)
    faults = []
    with running_stack() as stack:
        platform = Platform(stack)
        app = platform.create_app("Memory")
        platform.wait_for_keys()
        idle = by_component(DataFolder(platform.home))
        rate = measured_maximum(platform, app) / 2
        print(f"half the maximum: {rate:.0f} requests of {BATCH_SIZE} events a second", flush=True)
        load = Load(platform, app, connections=CONNECTIONS, batch_size=BATCH_SIZE, rate=rate)
        sender = threading.Thread(target=load.run, daemon=True)
        sender.start()
        samples = sample(platform, load, options.seconds)
        load.stop()
        sender.join(60)
        print(f"{'component':20} {'idle':>6} {'middle':>7} {'last':>6}  MiB")
        for name, points in sorted(samples.items()):
            before, after, is_flat = growth(points, options.seconds)
            print(
                f"{name:20} {idle.get(name, 0):6.0f} {before:7.0f} {after:6.0f}  "
                + ("flat" if is_flat else "GROWS")
            )
            if not is_flat:
                faults.append(f"{name} grew from {before:.0f} to {after:.0f} MiB")
        if options.json:
            options.json.write_text(json.dumps({"idle": idle, "rate": rate, "samples": samples}))
        if options.plot:
            plot(samples, rate, options.plot)
        print("landing what is left", flush=True)
        began = time.monotonic()
        synced = platform.sync(SYNC_SECONDS)
        print(f"landed and reconciled after {time.monotonic() - began:.0f} s", flush=True)
        if not synced:
            print(f"FAILED: {synced}", flush=True)
            faults.append("sync did not end with zero differences")
        faults += disagreements(platform, app, load.tally, BATCH_SIZE)
    for fault in faults:
        print(f"FAILED: {fault}")
    print("memory: " + ("failed" if faults else "flat, and everything acknowledged is there"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
