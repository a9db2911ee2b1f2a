"""The market that attribution and credit are measured on."""

import time
from datetime import date

from benchmarks.harness import sql
from unmogrowp.warehouse.client import Warehouse

DAY = date(2026, 3, 10)
# Of a market that is grown.
TOUCHES_PER_INSTALL = 10


def write_market(warehouse: Warehouse, touches: int, installs: int, seed: int) -> None:
    """Write installs of DAY and the touches that reach them.

    Raises:
        TimeoutError: The engine does not come to rest.
    """
    params = {"day": DAY, "seed": seed, "installs": installs, "touches": touches}
    warehouse.execute(sql("market_installs"), params)
    warehouse.execute(sql("market_touches"), params)
    settle(warehouse)


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
