"""One number per partition that changes exactly when its content does.

`(count(), sum(cityHash64(tuple(columns))))` over the business columns in their order: independent
of row order, of parts and of when or by which run rows were written. Without `tuple` a single
NULL makes cityHash64 NULL and its row invisible to the sum; Maps have no order of their own, so
they are sorted first.
"""

from dataclasses import dataclass
from typing import Any

from unmogrowp.warehouse.client import Warehouse

# Columns that say how a row came here, not what it says.
PROVENANCE_COLUMNS = frozenset(
    {"landing_seq", "run_id", "inserted_at", "recorded_at", "build_id", "is_deleted"}
)


@dataclass(frozen=True, slots=True)
class ContentHash:
    """Rows and hash of their content, both over the same set of rows."""

    row_count: int
    checksum: int

    def __str__(self) -> str:
        """Return the form that people compare."""
        return f"{self.row_count}:{self.checksum:016x}"


def hash_expression(warehouse: Warehouse, table: str) -> str:
    """Return the SQL aggregate over the business columns of a table."""
    database, _, name = table.partition(".")
    columns = warehouse.rows(
        "SELECT name, type FROM system.columns WHERE database = {database:String}"
        " AND table = {name:String} AND default_kind NOT IN ('MATERIALIZED', 'ALIAS')"
        " ORDER BY position",
        {"database": database, "name": name},
    )
    terms = [
        f"mapSort(`{column}`)" if kind.startswith("Map(") else f"`{column}`"
        for column, kind in columns
        if column not in PROVENANCE_COLUMNS
    ]
    return f"sum(cityHash64(tuple({', '.join(terms)})))"


def content_hash(
    warehouse: Warehouse,
    table: str,
    where: str = "1",
    params: dict[str, Any] | None = None,
    *,
    is_final: bool = False,
) -> ContentHash:
    """Hash the rows of a table that satisfy a condition, for example one partition.

    Args:
        warehouse: Where the table is.
        table: `database.table`.
        where: A condition written by us (never from outside), with `{name:Type}` parameters.
        params: Their values.
        is_final: Hash the newest version of each row, of a table that keeps several.
    """
    aggregate = hash_expression(warehouse, table)
    count, checksum = warehouse.rows(
        f"SELECT count(), {aggregate} FROM {table} {'FINAL' if is_final else ''} WHERE {where}",  # noqa: S608
        params,
    )[0]
    return ContentHash(int(count), int(checksum or 0))
