"""How a suite is written down: sentences that can be true, without importing Great Expectations.

Each sentence is measured by one aggregate, so that the engine reads the rows of a day once for all
sentences about them; Great Expectations judges the row of measures (`assets/checks/gx.py`). Its
import costs seconds and a quarter of a gigabyte; suites are read whenever definitions load.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from unmogrowp.warehouse.quality import Severity

# A share of a handful of rows says nothing.
MIN_ROWS_OF_A_SHARE = 100
_LITERAL_OR_PERCENT = re.compile(r"'(?:[^'\\]|\\.)*'|%")


@dataclass(frozen=True, slots=True)
class Expect:
    """One sentence about a batch of rows: true where its measure lies within both limits.

    `measure` is an aggregate in the engine's SQL; by default it counts the rows that break the
    sentence. A false sentence of severity `error` forbids publishing; a `warning` is drift to look
    at.
    """

    sentence: str
    measure: str
    column: str = ""
    severity: Severity = "error"
    low: float = 0
    high: float = 0
    counts_rows: bool = True


@dataclass(frozen=True, slots=True)
class Suite:
    """All sentences about one table. `day_column` cuts partitions; '' checks the whole table."""

    table: str
    day_column: str
    expectations: tuple[Expect, ...]
    # Of tables that keep several versions of a row, look at the newest.
    is_final: bool = False
    # Drift of volume: the day's rows against the median of the days before it, as a factor.
    row_count_factor: float = 10.0

    def batch_query(self, table: str, day: date | None) -> str:
        """Return the rows to look at; `table` may be a staging table of the same shape."""
        where = "" if day is None or not self.day_column else f" WHERE {self._is_day(day)}"
        final = " FINAL" if self.is_final else ""
        return f"SELECT * FROM {table}{final}{where}"  # noqa: S608 - names of ours and a checked date

    def _is_day(self, day: date) -> str:
        return f"toDate({self.day_column}) = toDate('{day.isoformat()}')"


def is_given(column: str) -> Expect:
    """Text is not empty."""
    return never(f"{column} is given", f"{column} = ''", column=column)


def is_unique(*columns: str) -> Expect:
    """No two rows agree in all of the columns; counts the rows that are too many."""
    named = ", ".join(columns)
    measure = f"count() - uniqExact({named})"
    if len(columns) == 1:
        return Expect(f"{named} is unique", measure, named)
    return Expect(f"{' and '.join(columns)} are unique together", measure)


def is_one_of(column: str, values: tuple[str, ...]) -> Expect:
    """Every value is in a closed set."""
    return never(
        f"{column} is one of {', '.join(value or 'empty' for value in values)}",
        f"{column} NOT IN ({', '.join(_quoted(value) for value in values)})",
        column=column,
    )


def is_between(column: str, low: float, high: float | None = None) -> Expect:
    """Every value lies in a range, both ends included; NULL is not looked at."""
    upper = "" if high is None else f" and at most {high}"
    above = "" if high is None else f" OR {column} > {high}"
    return never(f"{column} is at least {low}{upper}", f"{column} < {low}{above}", column=column)


def never(
    sentence: str, condition: str, *, column: str = "", severity: Severity = "error"
) -> Expect:
    """No row satisfies a condition; `sentence` says what is true then."""
    return Expect(sentence, f"countIf({condition})", column, severity)


def rarely(sentence: str, condition: str, *, share: float, column: str = "") -> Expect:
    """At most a share of the rows satisfies a condition: drift, never a reason to block."""
    return Expect(
        f"{sentence} in at most {share:.0%} of the rows",
        f"if(count() < {MIN_ROWS_OF_A_SHARE}, 0, countIf({condition}) / count())",
        column,
        "warning",
        high=share,
        counts_rows=False,
    )


def has_rows_like_before(low: int, high: int) -> Expect:
    """The number of rows lies in a range derived from the days before."""
    return Expect(
        f"the day has between {low} and {high} rows, as the days before it",
        "count()",
        severity="warning",
        low=low,
        high=high,
        counts_rows=False,
    )


def measures(rows: str, expectations: Sequence[Expect]) -> str:
    """Return the query whose one row has a column per sentence, `measure_0` first."""
    columns = ", ".join(
        f"{expect.measure} AS {measure_name(index)}" for index, expect in enumerate(expectations)
    )
    return _without_percent_signs(
        f"SELECT {columns} FROM ({rows})"  # noqa: S608 - sentences are constants of ours
    )


def measure_name(index: int) -> str:
    """Return the column of a sentence."""
    return f"measure_{index}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _without_percent_signs(sql: str) -> str:
    """Return the same statement without a sign that SQLAlchemy doubles on its way."""
    return _LITERAL_OR_PERCENT.sub(
        lambda found: " MOD " if found[0] == "%" else found[0].replace("%", "\\x25"), sql
    )
