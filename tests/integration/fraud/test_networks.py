"""Lists of networks in the engine: replaced whole, by name."""

from tests.engine import empty_tables, engine
from tests.integration.fraud.rows import StillClock
from unmogrowp.fraud.networks import covered_ranges, read_networks, replace_list
from unmogrowp.warehouse.client import Warehouse


def load(warehouse: Warehouse, name: str, *lines: str) -> int:
    ranges = covered_ranges(read_networks(lines, name))
    return replace_list(warehouse, name, "vpn", ranges, StillClock())


def rows(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "SELECT list_name, last_prefix - first_prefix + 1, covered FROM audit.anonymous_networks"
        " ORDER BY list_name, first_prefix"
    )


def test_a_list_takes_the_place_of_the_one_of_its_name_and_of_no_other():
    warehouse = engine()
    empty_tables(warehouse)
    assert load(warehouse, "a", "192.0.2.0/23", "198.51.100.1") == 2
    assert load(warehouse, "b", "203.0.113.0/24") == 1
    assert load(warehouse, "a", "192.0.2.0/24") == 1
    assert rows(warehouse) == [("a", 1, 1.0), ("b", 1, 1.0)]
    assert load(warehouse, "b") == 0
    assert rows(warehouse) == [("a", 1, 1.0)]
