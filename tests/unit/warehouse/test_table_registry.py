import pytest

from unmogrowp.errors import ConfigurationError
from unmogrowp.warehouse.table_registry import table, tables


def test_every_table_has_a_grain_and_every_column_a_meaning():
    found = tables()
    assert {"raw.requests", "clean.events", "mart.attributed_installs"} <= set(found)
    silent = [name for name, entry in found.items() if not entry.comment]
    silent += [
        f"{name}.{column.name}"
        for name, entry in found.items()
        for column in entry.columns
        if not column.comment or not column.type
    ]
    assert silent == []


def test_a_nested_type_and_a_codec_are_told_apart():
    columns = {column.name: column for column in table("raw.requests").columns}
    assert columns["rejected"].type == (
        "Array(Tuple(item_index UInt32, code LowCardinality(String)))"
    )
    assert columns["body"].type == "String"


def test_an_index_is_not_a_column():
    assert "touch_time" not in {column.name for column in table("clean.touches").columns}


def test_the_partition_key_is_that_of_the_engine_clause():
    assert table("clean.events").partition_by == "toDate(received_at)"
    assert table("mart.attributed_installs").partition_by == "(ruleset_id, toDate(installed_at))"
    assert table("audit.touched_days").partition_by == ""


def test_only_nullable_columns_may_be_absent():
    columns = {column.name: column for column in table("clean.events").columns}
    assert columns["sent_at"].is_nullable
    assert not columns["user_id"].is_nullable


def test_a_changed_meaning_takes_the_place_of_the_first_one():
    names = [column.name for column in table("mart.attributed_installs").columns]
    columns = {column.name: column for column in table("mart.attributed_installs").columns}
    assert names.count("is_primary") == 1
    assert columns["is_primary"].type == "Bool"
    assert "in force for the app" in columns["is_primary"].comment


def test_a_table_nobody_creates_is_named_in_the_error():
    with pytest.raises(ConfigurationError, match=r"raw\.nothing"):
        table("raw.nothing")
