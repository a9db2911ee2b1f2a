"""Migrations: applied once, in order, never edited afterwards, rendered for one server or many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import engine
from unmogrowp.errors import ConfigurationError, MigrationDrift, WarehouseUnavailable
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migration_files import (
    MIGRATIONS,
    load_migrations,
    render,
    split_statements,
)
from unmogrowp.warehouse.migrator import Migrator


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """The engine with a ledger of migrations that a test may spoil."""
    opened = engine()
    opened.execute("RENAME TABLE migrations.applied TO migrations.kept")
    yield opened
    opened.execute("DROP TABLE IF EXISTS migrations.applied SYNC")
    opened.execute("DROP TABLE IF EXISTS migrations.lock SYNC")
    opened.execute("DROP DATABASE IF EXISTS trial SYNC")
    opened.execute("RENAME TABLE migrations.kept TO migrations.applied")


def _write(folder: Path, number: int, name: str, up: str, down: str) -> None:
    (folder / f"{number:04d}_{name}.up.sql").write_text(up)
    (folder / f"{number:04d}_{name}.down.sql").write_text(down)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(
        tmp_path,
        1,
        "create_trial",
        "CREATE DATABASE IF NOT EXISTS trial {{on_cluster}};",
        "DROP DATABASE IF EXISTS trial {{on_cluster}} SYNC;",
    )
    _write(
        tmp_path,
        3,
        "create_things",
        "CREATE TABLE IF NOT EXISTS trial.things (x UInt8) ENGINE = {{merge_tree}} ORDER BY x"
        " SETTINGS {{dedup_window}};",
        "DROP TABLE IF EXISTS trial.things SYNC;",
    )
    return tmp_path


def test_migrations_are_applied_once_and_reverted_in_reverse(
    warehouse: Warehouse, folder: Path
) -> None:
    migrator = Migrator(warehouse, folder=folder)
    assert migrator.up() == [1, 3]
    assert migrator.up() == []
    assert migrator.down(1) == [3]
    assert [entry.number for entry in migrator.applied()] == [1]
    assert migrator.up() == [3]
    assert migrator.down(0) == [3, 1]


def test_an_edited_file_is_drift(warehouse: Warehouse, folder: Path) -> None:
    Migrator(warehouse, folder=folder).up()
    _write(folder, 3, "create_things", "SELECT 1;", "SELECT 1;")
    with pytest.raises(MigrationDrift, match="0003_create_things was edited"):
        Migrator(warehouse, folder=folder).up()


def test_a_schema_newer_than_the_code_is_drift(warehouse: Warehouse, folder: Path) -> None:
    Migrator(warehouse, folder=folder).up()
    for file in folder.glob("0003*"):
        file.unlink()
    with pytest.raises(MigrationDrift, match="does not know"):
        Migrator(warehouse, folder=folder).up()


def test_a_migration_that_was_killed_half_way_is_run_again(
    warehouse: Warehouse, folder: Path
) -> None:
    migrator = Migrator(warehouse, folder=folder)
    migrator.up()
    migrator._record(migrator._migrations[1], "started")
    assert migrator.up() == [3]


def test_a_lock_of_a_living_process_is_respected_and_that_of_a_dead_one_is_not(
    warehouse: Warehouse, folder: Path
) -> None:
    migrator = Migrator(warehouse, folder=folder)
    migrator.up()
    assert migrator._try_lock("elsewhere:1")
    with pytest.raises(WarehouseUnavailable, match="another migrator"):
        migrator.up(wait_s=0)
    warehouse.execute("DROP TABLE migrations.lock SYNC")
    import socket

    assert migrator._try_lock(f"{socket.gethostname()}:99999999")
    assert migrator.up(wait_s=5) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("0002_x.up.sql", "needs an up and a down"), ("x.sql", "is not named")],
)
def test_a_wrong_file_name_is_refused(folder: Path, name: str, words: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(ConfigurationError, match=words):
        load_migrations(folder)


def test_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nonsense"):
        render("{{nonsense}}")


def test_for_a_cluster_every_table_is_replicated_and_every_window_has_its_two_settings() -> None:
    for migration in load_migrations(MIGRATIONS):
        text = render(migration.up, "main")
        assert "{{" not in text
        assert "= MergeTree" not in text
        assert "non_replicated_deduplication_window" not in text
        assert text.count("replicated_deduplication_window =") == text.count(
            "replicated_deduplication_window_seconds ="
        )


def test_for_one_server_nothing_is_replicated() -> None:
    for migration in load_migrations(MIGRATIONS):
        text = render(migration.up)
        assert "Replicated" not in text
        assert "ON CLUSTER" not in text


def test_statements_end_at_semicolons_outside_of_quotes_and_comments() -> None:
    text = "SELECT ';' -- no; not here\n; /* nor; here */ SELECT 'it''s'; "
    assert split_statements(text) == ["SELECT ';' \n".strip(), "SELECT 'it''s'"]
