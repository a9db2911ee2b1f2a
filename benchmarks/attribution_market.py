"""The market that attribution is measured on, and what a process took for it."""

import time
from datetime import date
from pathlib import Path

from unmogrowp.warehouse.client import Warehouse

SQL = Path(__file__).parent / "sql"
DAY = date(2026, 3, 10)


def sql(name: str) -> str:
    """Return a statement of the benchmarks."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def write_market(warehouse: Warehouse, touches: int, installs: int, seed: int) -> None:
    """Write installs of DAY and the touches that reach them."""
    params = {"day": DAY, "seed": seed, "installs": installs, "touches": touches}
    warehouse.execute(sql("market_installs"), params)
    warehouse.execute(sql("market_touches"), params)


def forget_peak() -> None:
    """Ask the kernel to measure the peak of resident memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int:
    """Return the peak of resident memory since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def settle(warehouse: Warehouse, longest_seconds: float = 600) -> None:
    """Wait until the engine has merged what was written: that is not the cost of what comes next.

    Raises:
        TimeoutError: It still merges after that time.
    """
    until = time.monotonic() + longest_seconds
    while warehouse.scalar("SELECT count() FROM system.merges"):
        if time.monotonic() > until:
            raise TimeoutError("the engine still merges what was generated")
        time.sleep(0.2)
