"""How a suite is written down: sentences that can be true, without importing Great Expectations.

Its import costs seconds and a quarter of a gigabyte; suites are read whenever definitions load.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from unmogrowp.warehouse.quality import Severity

# Unexpected rows are counted by fetching them: a broken day must not fetch itself whole.
MAX_UNEXPECTED_ROWS = 10_000
# A share of a handful of rows says nothing.
MIN_ROWS_OF_A_SHARE = 100


@dataclass(frozen=True, slots=True)
class Expect:
    """One sentence about a batch of rows, and the expectation that decides it.

    A false sentence of severity `error` forbids publishing; a `warning` is drift to look at.
    """

    sentence: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Suite:
    """All sentences about one table. `day_column` cuts partitions; '' checks the whole table."""

    table: str
    day_column: str
    expectations: tuple[Expect, ...]
    # Drift of volume: the day's rows against the median of the days before it, as a factor.
    row_count_factor: float = 10.0

    def batch_query(self, table: str, day: date | None) -> str:
        """Return the rows to look at; `table` may be a staging table of the same shape."""
        where = "" if day is None or not self.day_column else f" WHERE {self._is_day(day)}"
        return f"SELECT * FROM {table}{where}"  # noqa: S608 - names of ours and a checked date

    def _is_day(self, day: date) -> str:
        return f"toDate({self.day_column}) = toDate('{day.isoformat()}')"


def is_given(column: str) -> Expect:
    """Text is not empty."""
    return never(f"{column} is given", f"{column} = ''", column=column)


def is_unique(*columns: str) -> Expect:
    """No two rows agree in all of the columns."""
    named = " and ".join(columns)
    if len(columns) == 1:
        return Expect(
            f"{named} is unique",
            "ExpectColumnValuesToBeUnique",
            {"column": columns[0]},
            columns[0],
        )
    return Expect(
        f"{named} are unique together",
        "ExpectCompoundColumnsToBeUnique",
        {"column_list": list(columns)},
    )


def is_one_of(column: str, values: tuple[str, ...]) -> Expect:
    """Every value is in a closed set."""
    return Expect(
        f"{column} is one of {', '.join(value or 'empty' for value in values)}",
        "ExpectColumnValuesToBeInSet",
        {"column": column, "value_set": list(values)},
        column,
    )


def is_between(column: str, low: float, high: float | None = None) -> Expect:
    """Every value lies in a range, both ends included; NULL is not looked at."""
    upper = "" if high is None else f" and at most {high}"
    return Expect(
        f"{column} is at least {low}{upper}",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": low, "max_value": high},
        column,
    )


def never(
    sentence: str, condition: str, *, column: str = "", severity: Severity = "error"
) -> Expect:
    """No row satisfies a condition; `sentence` says what is true then."""
    query = (
        f"SELECT 1 AS broken FROM {{batch}} WHERE {_literal(condition)}"  # noqa: S608
        f" LIMIT {MAX_UNEXPECTED_ROWS}"
    )
    return Expect(
        sentence,
        "UnexpectedRowsExpectation",
        {"unexpected_rows_query": query},
        column,
        severity,
    )


def rarely(sentence: str, condition: str, *, share: float, column: str = "") -> Expect:
    """At most a share of the rows satisfies a condition: drift, never a reason to block."""
    query = (
        "SELECT share FROM"  # noqa: S608
        f" (SELECT count() AS total, countIf({_literal(condition)}) / greatest(total, 1) AS share"
        f" FROM {{batch}}) WHERE total >= {MIN_ROWS_OF_A_SHARE} AND share > {share}"
    )
    return Expect(
        f"{sentence} in at most {share:.0%} of the rows",
        "UnexpectedRowsExpectation",
        {"unexpected_rows_query": query},
        column,
        "warning",
    )


def _literal(condition: str) -> str:
    """Double the braces: those of a regular expression are no placeholders."""
    return condition.replace("{", "{{").replace("}", "}}")


def has_rows_like_before(low: int, high: int) -> Expect:
    """The number of rows lies in a range derived from the days before."""
    return Expect(
        f"the day has between {low} and {high} rows, as the days before it",
        "ExpectTableRowCountToBeBetween",
        {"min_value": low, "max_value": high},
        severity="warning",
    )
