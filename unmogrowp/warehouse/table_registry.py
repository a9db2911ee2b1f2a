"""What each table is, read from the migrations: grain, columns, units. Nobody writes it twice.

Asset schemas, the data dictionary and the order of columns come from here, so that they cannot
say something else than the tables. The migrations are read and not the live database: the
definitions of a code location must load while the warehouse is away.
"""

import re
from dataclasses import dataclass, replace
from functools import cache

from unmogrowp.errors import ConfigurationError
from unmogrowp.warehouse.migration_files import load_migrations, render, split_statements

_CREATE = re.compile(
    r"CREATE TABLE (?:IF NOT EXISTS )?(?P<database>\w+)\.(?P<name>\w+)\s*\((?P<rest>.*)", re.DOTALL
)
_ADD_COLUMN = re.compile(
    r"ALTER TABLE (?P<database>\w+)\.(?P<name>\w+)\s+ADD COLUMN (?:IF NOT EXISTS )?(?P<column>.*)",
    re.DOTALL,
)
_MODIFY_COLUMN = re.compile(
    r"ALTER TABLE (?P<database>\w+)\.(?P<name>\w+)\s+MODIFY COLUMN (?P<column>.*)", re.DOTALL
)
_COMMENT = re.compile(r"COMMENT\s+'((?:[^'\\]|\\.|'')*)'")
_PARTITION = re.compile(r"PARTITION BY (?P<key>.+?)\s*(?=ORDER BY|SETTINGS|COMMENT|$)", re.DOTALL)
# Where the type of a column ends: what may follow it in our migrations.
_TYPE_END = re.compile(r"\s+(?:DEFAULT|MATERIALIZED|ALIAS|CODEC|COMMENT|AFTER|FIRST)\b")
_NOT_COLUMNS = ("INDEX ", "PROJECTION ", "CONSTRAINT ")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `comment` says its meaning and unit."""

    name: str
    type: str
    comment: str

    @property
    def is_nullable(self) -> bool:
        """Return whether NULL means absent; text is '' instead."""
        return self.type.startswith("Nullable(")


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `comment` is its grain and `partition_by` '' where it has no partitions."""

    database: str
    name: str
    comment: str
    partition_by: str
    columns: tuple[Column, ...]

    @property
    def full_name(self) -> str:
        """Return `database.table`."""
        return f"{self.database}.{self.name}"


@cache
def tables() -> dict[str, Table]:
    """Return every table of the newest schema by its full name, in the order of creation."""
    found: dict[str, Table] = {}
    for migration in load_migrations():
        for statement in split_statements(render(migration.up)):
            if match := _CREATE.match(statement):
                table = _parse_table(match)
                found.setdefault(table.full_name, table)
            elif match := _ADD_COLUMN.match(statement):
                name = f"{match['database']}.{match['name']}"
                column = _parse_column(match["column"])
                table = found[name]
                if column.name not in {present.name for present in table.columns}:
                    found[name] = replace(table, columns=(*table.columns, column))
            elif match := _MODIFY_COLUMN.match(statement):
                name = f"{match['database']}.{match['name']}"
                column = _parse_column(match["column"])
                found[name] = replace(
                    found[name],
                    columns=tuple(
                        column if present.name == column.name else present
                        for present in found[name].columns
                    ),
                )
    return found


def table(full_name: str) -> Table:
    """Return one table.

    Raises:
        ConfigurationError: No migration creates it.
    """
    try:
        return tables()[full_name]
    except KeyError:
        raise ConfigurationError(f"no migration creates the table {full_name}") from None


def _parse_table(match: re.Match[str]) -> Table:
    body, tail = _cut_at_closing_parenthesis(match["rest"])
    entries = [entry.strip() for entry in _split_at_commas(body)]
    comment = _COMMENT.findall(tail)
    partition = _PARTITION.search(tail)
    return Table(
        match["database"],
        match["name"],
        _unescape(comment[-1]) if comment else "",
        partition["key"] if partition else "",
        tuple(_parse_column(entry) for entry in entries if not entry.startswith(_NOT_COLUMNS)),
    )


def _parse_column(entry: str) -> Column:
    name, _, rest = entry.strip().partition(" ")
    rest = rest.strip()
    end = _TYPE_END.search(rest)
    comment = _COMMENT.search(rest)
    kind = rest[: end.start()] if end else rest
    return Column(
        name.strip("`"),
        " ".join(kind.split()),
        _unescape(comment.group(1)) if comment else "",
    )


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace("''", "'")


def _quote_aware(text: str) -> list[tuple[int, str, int]]:
    """Return (position, character, depth of parentheses after it) outside of quotes."""
    depth = 0
    found = []
    for token in re.finditer(r"'(?:[^'\\]|\\.|'')*'|[(),]", text):
        character = token.group(0)
        if character.startswith("'"):
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        found.append((token.start(), character, depth))
    return found


def _cut_at_closing_parenthesis(text: str) -> tuple[str, str]:
    for position, character, depth in _quote_aware(text):
        if character == ")" and depth < 0:
            return text[:position], text[position + 1 :]
    raise ConfigurationError(f"a CREATE TABLE has no closing parenthesis: {text[:60]}")


def _split_at_commas(text: str) -> list[str]:
    parts = []
    begin = 0
    for position, character, depth in _quote_aware(text):
        if character == "," and depth == 0:
            parts.append(text[begin:position])
            begin = position + 1
    parts.append(text[begin:])
    return parts
