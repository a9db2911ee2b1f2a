"""Contract checks of staged marts: sentences in SQL, false ones stop the publish."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from unmogrowp.errors import AuditFailed
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.quality import QualityResult


def check_contract(
    warehouse: Warehouse, query: str, table: str, staging: str, params: Mapping[str, Any]
) -> list[QualityResult]:
    """Return the result of every sentence of a check file over a staging table.

    Raises:
        AuditFailed: A sentence is false.
    """
    day = params["day"]
    assert isinstance(day, date)
    partition = "/".join(
        part for part in (str(params.get("ruleset_id", "")), day.isoformat()) if part
    )
    return check_sentences(
        warehouse,
        query,
        table,
        partition,
        {**params, "staging": staging.removeprefix("staging.")},
    )


def check_sentences(
    warehouse: Warehouse, query: str, table: str, partition: str, params: Mapping[str, Any]
) -> list[QualityResult]:
    """Return the result of every sentence of a check file; `partition` is '' for a whole table.

    Raises:
        AuditFailed: A sentence is false.
    """
    sentences, broken = warehouse.rows(named_queries.load(query), params)[0]
    results = [
        QualityResult(
            table=table,
            partition_key=partition,
            suite="contract",
            sentence=sentence,
            is_passed=count == 0,
            unexpected_count=int(count),
            observed=f"{count} rows break it",
            expected="0 rows",
        )
        for sentence, count in zip(sentences, broken, strict=True)
    ]
    false = [one for one in results if one.is_breach]
    if false:
        raise AuditFailed(
            f"{table} {partition}".strip()
            + ": "
            + ", ".join(f"{one.sentence} is false for {one.unexpected_count}" for one in false),
            results,
        )
    return results
