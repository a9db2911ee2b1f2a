"""A broker that stands still for a minute under load: bounded memory, honest answers, no loss.

python -m tests.soak.broker_stop [--seconds 60] [--connections 512] [--batch-size 2500]
"""

import argparse
import signal
import sys
import threading
import time

import psutil

from tests.e2e.platform import Platform
from tests.running_stack import running_stack
from tests.soak.load import Load, disagreements

MIB = 1024 * 1024
# Together several times the budgets of all workers: 512 requests of about 1 MB.
CONNECTIONS = 512
BATCH_SIZE = 2_500
RATE = 20.0
WARM_SECONDS = 10
AFTER_SECONDS = 10
SHOW_SECONDS = 10
SYNC_SECONDS = 300
# What a byte in flight may cost: itself, and the producer's compressed copy of it on the way.
COPIES = 1.5
SLACK_BYTES = 48 * MIB


class Memory:
    """Resident bytes of the collector's processes: under load, and the most since then."""

    def __init__(self, platform: Platform) -> None:
        pids = (platform.pid("collector"), *platform.workers("collector"))
        self._processes = [psutil.Process(pid) for pid in pids]
        self._before = self._now()
        self._most = self._before

    def _now(self) -> list[int]:
        return [process.memory_info().rss for process in self._processes]

    def sample(self) -> str:
        """Look again; return the present state in words."""
        now = self._now()
        self._most = list(map(max, self._most, now))
        return "RSS " + ", ".join(f"{rss / MIB:.0f}" for rss in now) + " MiB"

    def faults(self, bound: int) -> list[str]:
        """Print what every process took, and return those that took too much or died."""
        found = []
        for process, before, most in zip(self._processes, self._before, self._most, strict=True):
            grown = (most - before) / MIB
            print(
                f"collector process {process.pid}: {before / MIB:.0f} MiB under load, at most "
                f"{most / MIB:.0f} MiB while the broker stood (+{grown:.0f} of +{bound / MIB:.0f})"
            )
            if most - before > bound:
                found.append(f"process {process.pid} grew by {grown:.0f} MiB")
            if not process.is_running():
                found.append(f"process {process.pid} did not survive")
        return found


def stand_still(platform: Platform, load: Load, seconds: float) -> Memory:
    """Stop the broker for some time and watch."""
    broker = platform.pid("kafka")
    memory = Memory(platform)
    print(f"the broker stops for {seconds:.0f} s; so far {load.tally}", flush=True)
    platform.signal(broker, signal.SIGSTOP)
    try:
        began = shown = time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(0.2)
            state = memory.sample()
            if time.monotonic() - shown > SHOW_SECONDS:
                shown = time.monotonic()
                print(f"{shown - began:3.0f} s: {state}; {load.tally}", flush=True)
    finally:
        platform.signal(broker, signal.SIGCONT)
    return memory


def main() -> int:
    """Run it, print what was seen, and return 0 when everything held."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the stack is stopped
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long the broker stands")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="clients at once")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="events of a request")
    parser.add_argument(
        "--rate", type=float, default=RATE, help="requests a second; 0: as fast as they come"
    )
    options = parser.parse_args()
    print("starting a stack of its own", flush=True)
    with running_stack() as stack:
        platform = Platform(stack)
        app = platform.create_app("Broker stop")
        platform.wait_for_keys()
        load = Load(
            platform,
            app,
            connections=options.connections,
            batch_size=options.batch_size,
            rate=options.rate or None,
        )
        sender = threading.Thread(target=load.run, daemon=True)
        sender.start()
        time.sleep(WARM_SECONDS)
        memory = stand_still(platform, load, options.seconds)
        acknowledged = load.tally.statuses[200]
        time.sleep(AFTER_SECONDS)
        load.stop()
        sender.join(60)
        print(f"the broker runs again: {load.tally}", flush=True)
        budget = stack.settings().collector.in_flight_bytes
        faults = memory.faults(round(COPIES * budget) + SLACK_BYTES)
        if sender.is_alive():
            faults.append("clients still wait for an answer")
        if not load.tally.statuses[503]:
            faults.append("no client was told to come back")
        if load.tally.without_retry_after:
            faults.append(f"{load.tally.without_retry_after} answers without Retry-After")
        if load.tally.statuses[200] <= acknowledged:
            faults.append("nothing was acknowledged after the broker came back")
        print("landing everything", flush=True)
        synced = platform.sync(SYNC_SECONDS)
        if not synced:
            faults.append(str(synced))
        faults += disagreements(platform, app, load.tally, options.batch_size)
    for fault in faults:
        print(f"FAILED: {fault}")
    print("broker-stop: " + ("failed" if faults else "everything acknowledged is there, once"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
