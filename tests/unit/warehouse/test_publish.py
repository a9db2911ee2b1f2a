"""Publishing swaps a whole partition, or nothing, and never goes back to an older input."""

from datetime import date

import pytest

from tests.engine import empty_tables, engine
from unmogrowp.errors import AuditFailed, PartitionConflict
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import (
    Partition,
    drop_abandoned_staging,
    replace_partition,
    staging_copy,
)

DAY = date(2026, 9, 24)
INSTALLS = Partition("mart.installs", (DAY,))
DECISIONS = Partition("mart.attributed_installs", ("ours", DAY))


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    return opened


def _publish(
    warehouse: Warehouse,
    ids: list[str],
    watermark: int,
    *,
    is_input_complete: bool = False,
    day: str = "2026-09-24",
    partition: Partition = INSTALLS,
) -> None:
    with staging_copy(warehouse, partition.table) as staging:
        for install_id in ids:
            more = ", ruleset_id" if "attributed" in partition.table else ""
            value = ", 'ours'" if more else ""
            warehouse.execute(
                f"INSERT INTO {staging} (app_id, install_id, installed_at{more})"
                f" VALUES ('a', '{install_id}', '{day} 10:00:00'{value})"
            )
        replace_partition(
            warehouse,
            partition,
            staging,
            watermark=watermark,
            now_ms=0,
            is_input_complete=is_input_complete,
        )


def _ids(warehouse: Warehouse, table: str = "mart.installs") -> list[str]:
    return [row[0] for row in warehouse.rows(f"SELECT install_id FROM {table} ORDER BY 1")]


def test_a_publish_replaces_all_rows_of_its_partition_and_no_others(warehouse: Warehouse) -> None:
    other = Partition("mart.installs", (date(2026, 9, 25),))
    _publish(warehouse, ["other"], 1, day="2026-09-25", partition=other)
    _publish(warehouse, ["a", "b"], 1)
    _publish(warehouse, ["c"], 2)
    assert _ids(warehouse) == ["c", "other"]


def test_a_partition_of_two_values_is_replaced(warehouse: Warehouse) -> None:
    _publish(warehouse, ["a"], 1, partition=DECISIONS)
    _publish(warehouse, ["b"], 2, partition=DECISIONS)
    assert _ids(warehouse, "mart.attributed_installs") == ["b"]


def test_an_older_input_is_refused_and_the_same_input_is_not(warehouse: Warehouse) -> None:
    _publish(warehouse, ["new"], 5)
    with pytest.raises(PartitionConflict, match="4"):
        _publish(warehouse, ["old"], 4)
    assert _ids(warehouse) == ["new"]
    _publish(warehouse, ["again"], 5)
    assert _ids(warehouse) == ["again"]


def test_no_rows_replace_nothing_unless_the_input_was_complete(warehouse: Warehouse) -> None:
    _publish(warehouse, ["a"], 1)
    with pytest.raises(AuditFailed, match="no rows"):
        _publish(warehouse, [], 2)
    assert _ids(warehouse) == ["a"]
    _publish(warehouse, [], 2, is_input_complete=True)
    assert _ids(warehouse) == []


def test_rows_of_another_partition_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(AuditFailed, match="not only of 2026-09-24"):
        _publish(warehouse, ["a"], 1, day="2026-09-25")


def test_a_failed_audit_and_a_moved_input_leave_the_present_version(warehouse: Warehouse) -> None:
    _publish(warehouse, ["present"], 1)

    def fail(_staging: str) -> None:
        raise AuditFailed("not good")

    def moved() -> None:
        raise PartitionConflict("moved")

    with staging_copy(warehouse, "mart.installs") as staging:
        warehouse.execute(
            f"INSERT INTO {staging} (app_id, installed_at) VALUES ('a', '2026-09-24 10:00:00')"
        )
        with pytest.raises(AuditFailed, match="not good"):
            replace_partition(
                warehouse,
                INSTALLS,
                staging,
                watermark=2,
                now_ms=0,
                is_input_complete=True,
                audit=fail,
            )
        with pytest.raises(PartitionConflict, match="moved"):
            replace_partition(
                warehouse,
                INSTALLS,
                staging,
                watermark=2,
                now_ms=0,
                is_input_complete=True,
                confirm=moved,
            )
    assert _ids(warehouse) == ["present"]


def test_staging_tables_of_killed_runs_are_dropped(warehouse: Warehouse) -> None:
    with staging_copy(warehouse, "mart.installs") as staging:
        assert drop_abandoned_staging(warehouse) == [f"staging.`{staging.partition('.')[2]}`"]
    tables = warehouse.rows("SHOW TABLES FROM staging LIKE '%\\_\\_run\\_%'")
    assert tables == []
