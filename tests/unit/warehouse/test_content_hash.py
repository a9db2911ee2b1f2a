"""The content hash sees every business column, NULLs included, and nothing else."""

import pytest

from tests.engine import empty_tables, engine
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    return opened


def _insert(warehouse: Warehouse, **columns: str) -> None:
    values = {
        "app_id": "'a'",
        "message_id": "'m'",
        "received_at": "'2026-09-24 12:00:00'",
        "occurred_at": "'2026-09-24 12:00:00'",
        **columns,
    }
    warehouse.execute(
        f"INSERT INTO clean.events ({', '.join(values)}) VALUES ({', '.join(values.values())})"
    )


def test_a_row_that_holds_nulls_changes_the_hash_when_one_column_changes(
    warehouse: Warehouse,
) -> None:
    _insert(warehouse, original_at="NULL", revenue="NULL", device_model="'one'")
    before = content_hash(warehouse, "clean.events")
    warehouse.execute("TRUNCATE TABLE clean.events")
    _insert(warehouse, original_at="NULL", revenue="NULL", device_model="'two'")
    after = content_hash(warehouse, "clean.events")
    assert before.row_count == after.row_count == 1
    assert before != after


def test_a_null_and_a_zero_are_different(warehouse: Warehouse) -> None:
    _insert(warehouse, revenue="NULL")
    before = content_hash(warehouse, "clean.events")
    warehouse.execute("TRUNCATE TABLE clean.events")
    _insert(warehouse, revenue="0")
    assert content_hash(warehouse, "clean.events") != before


def test_which_range_a_row_came_with_is_no_content(warehouse: Warehouse) -> None:
    _insert(warehouse, landing_seq="1")
    before = content_hash(warehouse, "clean.events")
    warehouse.execute("TRUNCATE TABLE clean.events")
    _insert(warehouse, landing_seq="2")
    assert content_hash(warehouse, "clean.events") == before


def test_the_order_of_rows_and_of_keys_of_a_map_is_no_content(warehouse: Warehouse) -> None:
    def insert(rows: list[str]) -> None:
        for row in rows:
            warehouse.execute(
                "INSERT INTO clean.touches (app_id, touch_id, received_at, touch_at, params)"
                f" VALUES ('a', {row}, '2026-09-24 12:00:00', '2026-09-24 12:00:00', "
                + ("{'x': '1', 'y': '2'})" if "one" in row else "{'y': '2', 'x': '1'})")
            )

    insert(["'one'", "'t'"])
    warehouse.execute(
        "ALTER TABLE clean.touches UPDATE touch_type = 'click' WHERE 1 SETTINGS mutations_sync = 2"
    )
    before = content_hash(warehouse, "clean.touches", "touch_id = 't'")
    total = content_hash(warehouse, "clean.touches")
    warehouse.execute("TRUNCATE TABLE clean.touches")
    insert(["'t'", "'one'"])
    warehouse.execute(
        "ALTER TABLE clean.touches UPDATE touch_type = 'click' WHERE 1 SETTINGS mutations_sync = 2"
    )
    assert content_hash(warehouse, "clean.touches", "touch_id = 't'") == before
    assert content_hash(warehouse, "clean.touches") == total


def test_a_missing_row_changes_count_and_hash(warehouse: Warehouse) -> None:
    _insert(warehouse, message_id="'one'")
    _insert(warehouse, message_id="'two'")
    both = content_hash(warehouse, "clean.events")
    one = content_hash(warehouse, "clean.events", "message_id = {id:String}", {"id": "one"})
    assert (both.row_count, one.row_count) == (2, 1)
    assert both.checksum != one.checksum
