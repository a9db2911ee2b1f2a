"""Makes the asset of a table: key, owner, grain, columns and partitions, from the migrations.

An asset cannot say something else than its table, because both are read from the same file.
"""

import warnings
from collections.abc import Iterable

import dagster as dg

from assets.checks.expectation import Suite
from assets.checks.registry import SUITES
from assets.partitions import daily_partitions
from unmogrowp.warehouse.table_registry import Table, table

OWNER = "team:growth-data"
CONTRACT_CHECK = "keeps_its_contract"
DRIFT_CHECK = "looks_as_usual"


def asset_key(table_name: str) -> dg.AssetKey:
    """Return the key `[database, table]`."""
    return dg.AssetKey(table_name.split("."))


def column_schema(entry: Table) -> dg.TableSchema:
    """Return the columns with type, meaning and whether they may be absent."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                column.comment,
                dg.TableColumnConstraints(nullable=column.is_nullable),
            )
            for column in entry.columns
        ]
    )


def partitions_of(table_name: str) -> dg.PartitionsDefinition[str] | None:
    """Return days for tables that are cut by them, and nothing for the others."""
    return daily_partitions if SUITES[table_name].day_column else None


def table_spec(
    table_name: str, *, group: str, deps: Iterable[str] = (), text: str = ""
) -> dg.AssetSpec:
    """Return the spec of a table's asset.

    Args:
        table_name: `database.table`.
        group: Name of the module that fills it.
        deps: Tables it is made from.
        text: What a reader should know besides the grain.
    """
    entry = table(table_name)
    return dg.AssetSpec(
        key=asset_key(table_name),
        group_name=group,
        deps=[asset_key(name) for name in deps],
        description=f"{entry.comment}.\n\n{text}".rstrip() if text else f"{entry.comment}.",
        owners=[OWNER],
        kinds={"clickhouse"},
        tags={"layer": entry.database},
        metadata={
            "dagster/table_name": table_name,
            "dagster/column_schema": column_schema(entry),
            "partition_key": entry.partition_by or "none",
        },
        partitions_def=partitions_of(table_name),
    )


def check_specs(suite: Suite) -> tuple[dg.AssetCheckSpec, dg.AssetCheckSpec]:
    """Return the two checks of a table: the contract, which blocks, and drift, which warns."""
    key = asset_key(suite.table)
    partitions = partitions_of(suite.table)
    contract = [entry.sentence for entry in suite.expectations if entry.severity == "error"]
    drift = [entry.sentence for entry in suite.expectations if entry.severity == "warning"]
    with warnings.catch_warnings():
        # Partitions of checks are a preview in the pinned version; tests hold what we rely on.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return (
            dg.AssetCheckSpec(
                CONTRACT_CHECK,
                asset=key,
                blocking=True,
                partitions_def=partitions,
                description="Blocks publishing. " + _as_list(contract),
            ),
            dg.AssetCheckSpec(
                DRIFT_CHECK,
                asset=key,
                partitions_def=partitions,
                description="Warns. " + _as_list(drift),
            ),
        )


def _as_list(sentences: list[str]) -> str:
    return "\n".join(["True when:", *(f"- {sentence}" for sentence in sentences)])
