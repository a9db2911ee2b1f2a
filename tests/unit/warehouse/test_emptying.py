"""Tests begin on empty tables: what `tests/engine.py` leaves alone must be as empty as the rest."""

import pytest

from tests.engine import empty_tables, engine

INSERT = "INSERT INTO clean.events (app_id) SETTINGS insert_deduplication_token='{}' VALUES ('a')"


@pytest.fixture
def warehouse():
    empty_tables(engine())
    return engine()


def count(warehouse):
    return warehouse.scalar("SELECT count() FROM clean.events")


def test_rows_and_tokens_are_gone(warehouse):
    for _ in range(3):
        for _ in range(2):
            warehouse.execute(INSERT.format("same"))
        assert count(warehouse) == 1
        empty_tables(warehouse)
        assert count(warehouse) == 0


def test_tokens_without_rows_are_gone(warehouse):
    warehouse.execute(INSERT.format("same"))
    warehouse.execute("ALTER TABLE clean.events DROP PARTITION ID '19700101'")
    empty_tables(warehouse)
    warehouse.execute(INSERT.format("same"))
    assert count(warehouse) == 1
