"""The market that attribution and credit are measured on."""

from collections.abc import Iterable
from datetime import date

from benchmarks.harness import sql
from unmogrowp.warehouse.client import Warehouse

DAY = date(2026, 3, 10)
# Of a market that is grown.
TOUCHES_PER_INSTALL = 10


def write_market(warehouse: Warehouse, touches: int, installs: int, seed: int) -> None:
    """Write installs of DAY and the touches that reach them, and let the engine come to rest.

    Each partition is one part then, and the tables there are merge nothing more until `merge_once`
    is called: the engine would go on merging what was generated, and what an earlier build
    published, while the next one is measured.
    """
    params = {"day": DAY, "seed": seed, "installs": installs, "touches": touches}
    warehouse.execute(sql("market_installs"), params)
    warehouse.execute(sql("market_touches"), params)
    for table in ("mart.installs", "clean.touches"):
        warehouse.execute(f"OPTIMIZE TABLE {table} FINAL")
    stop_merging(warehouse)


def stop_merging(warehouse: Warehouse) -> None:
    """Leave parts as they are in the tables there are."""
    warehouse.execute("SYSTEM STOP MERGES")


def merge_once(warehouse: Warehouse, tables: Iterable[str]) -> None:
    """Merge every row of some tables once, each partition into one part."""
    for table in tables:
        warehouse.execute(f"SYSTEM START MERGES {table}")
        try:
            warehouse.execute(f"OPTIMIZE TABLE {table} FINAL")
        finally:
            warehouse.execute(f"SYSTEM STOP MERGES {table}")
