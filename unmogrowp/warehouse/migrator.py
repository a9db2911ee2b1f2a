"""Brings the schema of the warehouse to a version and refuses to work on one it does not know.

What was applied is rows of `migrations.applied`, append-only, with the checksum of the files. An
applied file that was edited, or a version newer than this code, is `MigrationDrift`: running
pipeline code against tables it was not written for corrupts more than it reports.

ClickHouse has no transactions over DDL. Two migrators are kept apart by the existence of a table
(`CREATE TABLE` is atomic), whose comment names the process that holds it, so that the lock of a
killed process on this machine is taken over at once and that of another machine after a while.
"""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unmogrowp.clock import Clock, SystemClock
from unmogrowp.errors import (
    ConfigurationError,
    MigrationDrift,
    QueryFailed,
    WarehouseUnavailable,
)
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migration_files import (
    MIGRATIONS,
    Migration,
    load_migrations,
    render,
    split_statements,
)

LOCK_TABLE_EXISTS = 57
FOREIGN_LOCK_STALE_S = 600

_SETUP = """
CREATE DATABASE IF NOT EXISTS migrations {{on_cluster}} COMMENT 'Which schema this warehouse has';
CREATE TABLE IF NOT EXISTS migrations.applied {{on_cluster}}
(
    sequence    UInt64                COMMENT 'Order of the rows, from 1',
    number      UInt32                COMMENT 'Number of the migration',
    name        String                COMMENT 'Name of the migration',
    checksum    String                COMMENT 'SHA-256 of its two files',
    action      LowCardinality(String) COMMENT 'started, applied or reverted',
    recorded_at DateTime64(3, 'UTC')  COMMENT 'When'
)
ENGINE = {{merge_tree}}
ORDER BY sequence
COMMENT 'One row per step of a migration; the last one per number is its state';
"""


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """A migration whose last row says `applied` (or `started`: it was killed half-way)."""

    number: int
    name: str
    checksum: str
    action: str


class Migrator:
    """Applies and reverts migrations of one folder on one warehouse."""

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        cluster: str = "",
        clock: Clock | None = None,
        folder: Path = MIGRATIONS,
    ) -> None:
        self._warehouse = warehouse
        self._cluster = cluster
        self._clock = clock or SystemClock()
        self._migrations = load_migrations(folder)

    @property
    def newest(self) -> int:
        """Return the number of the last migration this code has."""
        return max((migration.number for migration in self._migrations), default=0)

    def up(self, wait_s: float = 60) -> list[int]:
        """Apply what is missing, in order; return the numbers.

        Raises:
            MigrationDrift: An applied file was edited, or the schema is newer than this code.
            WarehouseUnavailable: Another migrator holds the lock for longer than `wait_s`.
        """
        self._setup()
        done = []
        with self._lock(wait_s):
            present = self.verify()
            for migration in self._migrations:
                if present.get(migration.number) == "applied":
                    continue
                self._record(migration, "started")
                self._execute(migration.up)
                self._record(migration, "applied")
                done.append(migration.number)
        return done

    def down(self, to: int, wait_s: float = 60) -> list[int]:
        """Revert everything above number `to`, newest first; return the numbers."""
        if not 0 <= to <= self.newest:
            raise ConfigurationError(f"there is no migration {to}; the newest is {self.newest}")
        self._setup()
        done = []
        with self._lock(wait_s):
            present = self.verify()
            for migration in reversed(self._migrations):
                if migration.number <= to or migration.number not in present:
                    continue
                self._execute(migration.down)
                self._record(migration, "reverted")
                done.append(migration.number)
        return done

    def applied(self) -> list[AppliedMigration]:
        """Return the state of every migration that is not reverted, in order."""
        exists = "SELECT count() FROM system.tables WHERE database='migrations' AND name='applied'"
        if not self._warehouse.scalar(exists):
            return []
        rows = self._warehouse.rows(
            "SELECT number, argMax(name, sequence), argMax(checksum, sequence),"
            " argMax(action, sequence) AS last FROM migrations.applied"
            " GROUP BY number HAVING last != 'reverted' ORDER BY number"
        )
        return [AppliedMigration(*row) for row in rows]

    def verify(self) -> dict[int, str]:
        """Compare what was applied with the files; return number -> state.

        Raises:
            MigrationDrift: They differ.
        """
        known = {migration.number: migration for migration in self._migrations}
        states = {}
        for row in self.applied():
            file = known.get(row.number)
            if file is None:
                raise MigrationDrift(
                    f"the warehouse has migration {row.number:04d}_{row.name}, which this version"
                    " of the code does not know: use the version that applied it"
                )
            if row.action == "applied" and row.checksum != file.checksum:
                raise MigrationDrift(
                    f"migration {row.number:04d}_{row.name} was edited after it was applied:"
                    " restore the file and write a new migration"
                )
            states[row.number] = row.action
        return states

    def _setup(self) -> None:
        self._execute(_SETUP)

    def _execute(self, template: str) -> None:
        for statement in split_statements(render(template, self._cluster)):
            self._warehouse.execute(statement)

    def _record(self, migration: Migration, action: str) -> None:
        self._warehouse.execute(
            "INSERT INTO migrations.applied SELECT max(sequence) + 1, {number:UInt32},"
            " {name:String}, {checksum:String}, {action:String},"
            " fromUnixTimestamp64Milli({now:Int64}, 'UTC') FROM migrations.applied",
            {
                "number": migration.number,
                "name": migration.name,
                "checksum": migration.checksum,
                "action": action,
                "now": self._clock.now_ms(),
            },
        )

    @contextlib.contextmanager
    def _lock(self, wait_s: float) -> Iterator[None]:
        owner = f"{socket.gethostname()}:{os.getpid()}"
        deadline = time.monotonic() + wait_s
        while not self._try_lock(owner):
            if time.monotonic() > deadline:
                raise WarehouseUnavailable("another migrator holds the lock migrations.lock")
            time.sleep(0.5)
        try:
            yield
        finally:
            self._warehouse.execute(f"DROP TABLE IF EXISTS migrations.lock {self._on_cluster} SYNC")

    def _try_lock(self, owner: str) -> bool:
        try:
            self._warehouse.execute(
                f"CREATE TABLE migrations.lock {self._on_cluster} (x UInt8) ENGINE = MergeTree"
                f" ORDER BY x COMMENT '{owner}'"
            )
        except QueryFailed as error:
            if error.code != LOCK_TABLE_EXISTS:
                raise
            self._take_over_if_abandoned()
            return False
        return True

    def _take_over_if_abandoned(self) -> None:
        rows = self._warehouse.rows(
            "SELECT toString(uuid), comment, toInt64(dateDiff('second', metadata_modification_time,"
            " now())) FROM system.tables WHERE database = 'migrations' AND name = 'lock'"
        )
        if not rows:
            return
        uuid, owner, age_s = rows[0]
        host, _, pid = owner.rpartition(":")
        if host == socket.gethostname():
            abandoned = int(pid) != os.getpid() and not Path(f"/proc/{pid}").exists()
        else:
            abandoned = age_s > FOREIGN_LOCK_STALE_S
        if abandoned:
            # Renaming to a name made of the lock's own id lets exactly one of several waiting
            # migrators take it away, and never a lock that was taken meanwhile.
            with contextlib.suppress(QueryFailed):
                self._warehouse.execute(
                    f"RENAME TABLE migrations.lock TO migrations.`lock_{uuid}` {self._on_cluster}"
                )

    @property
    def _on_cluster(self) -> str:
        return render("{{on_cluster}}", self._cluster)
