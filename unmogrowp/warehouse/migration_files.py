"""Migration files: numbered pairs `NNNN_<verb>_<table>.up.sql` / `.down.sql`, rendered and cut.

A file names what differs between one server and a cluster by placeholders in double braces, so
that the same file makes plain tables here and replicated ones there. Every statement may be run
twice (`IF NOT EXISTS`, `IF EXISTS`): a migration that was killed half-way is healed by running it
again, and `check_migrations` proves that it may.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unmogrowp.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.(?P<direction>up|down)\.sql")
_PLACEHOLDER = re.compile(r"\{\{\s*(?P<name>[a-z_]+)\s*(?:\((?P<argument>[^)]*)\))?\s*\}\}")
# How many insert tokens a table remembers, and (cluster) for how long: longer than the stream
# keeps records, so that no repeat of a planned range outlives the memory of its first try.
DEDUP_WINDOW_BLOCKS = 10_000
DEDUP_WINDOW_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step, as the files say it (not yet rendered)."""

    number: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        """Return the hash of both files; an edit of either is drift."""
        return hashlib.sha256(f"{self.up}\0{self.down}".encode()).hexdigest()


def load_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Read all migrations in the order of their numbers; numbers may be left out.

    Raises:
        ConfigurationError: A name is malformed, a number is used twice, or a file has no
            counterpart.
    """
    found: dict[int, dict[str, tuple[str, str]]] = {}
    for file in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise ConfigurationError(f"{file} is not named NNNN_<verb>_<table>.up|down.sql")
        sides = found.setdefault(int(match["number"]), {})
        if match["direction"] in sides:
            raise ConfigurationError(f"migration number {match['number']} is used twice")
        sides[match["direction"]] = (match["name"], file.read_text(encoding="utf-8"))
    migrations = []
    for number in sorted(found):
        sides = found[number]
        if set(sides) != {"up", "down"} or sides["up"][0] != sides["down"][0]:
            raise ConfigurationError(f"migration {number:04d} needs an up and a down file")
        migrations.append(Migration(number, sides["up"][0], sides["up"][1], sides["down"][1]))
    return migrations


def render(sql: str, cluster: str = "") -> str:
    """Fill the placeholders for one server (`cluster` empty) or for a replicated cluster.

    Raises:
        ConfigurationError: The text has a placeholder nobody defined.
    """
    values = _cluster_values(cluster) if cluster else _single_server_values()

    def fill(match: re.Match[str]) -> str:
        value = values.get(match["name"])
        if value is None:
            raise ConfigurationError(f"unknown placeholder {match.group(0)} in a migration")
        return value(match["argument"] or "")

    return _PLACEHOLDER.sub(fill, sql)


def _single_server_values() -> dict[str, Callable[[str], str]]:
    return {
        "merge_tree": lambda _: "MergeTree",
        "replacing_merge_tree": lambda version: f"ReplacingMergeTree({version})",
        "on_cluster": lambda _: "",
        "dedup_window": lambda _: f"non_replicated_deduplication_window = {DEDUP_WINDOW_BLOCKS}",
    }


def _cluster_values(cluster: str) -> dict[str, Callable[[str], str]]:
    path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
    quoted = cluster.replace("'", "''")
    return {
        "merge_tree": lambda _: f"ReplicatedMergeTree({path})",
        "replacing_merge_tree": lambda version: f"ReplicatedReplacingMergeTree({path}, {version})",
        "on_cluster": lambda _: f"ON CLUSTER '{quoted}'",
        "dedup_window": lambda _: (
            f"replicated_deduplication_window = {DEDUP_WINDOW_BLOCKS}, "
            f"replicated_deduplication_window_seconds = {DEDUP_WINDOW_SECONDS}"
        ),
    }


def split_statements(sql: str) -> list[str]:
    """Cut a file at the semicolons that are outside of quotes and comments."""
    statements: list[str] = []
    current: list[str] = []
    position = 0
    token = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`[^`]*`|;", re.DOTALL)
    for match in token.finditer(sql):
        current.append(sql[position : match.start()])
        position = match.end()
        text = match.group(0)
        if text == ";":
            statements.append("".join(current).strip())
            current = []
        elif not text.startswith(("--", "/*")):
            current.append(text)
    current.append(sql[position:])
    statements.append("".join(current).strip())
    return [statement for statement in statements if statement]
