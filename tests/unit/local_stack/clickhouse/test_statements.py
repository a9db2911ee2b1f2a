import pytest

from local_stack.clickhouse.statements import (
    called_names,
    changed_settings,
    identifier_parameters,
    mentioned_names,
    parse,
    used_database,
)


@pytest.mark.parametrize(
    ("sql", "kind", "output"),
    [
        ("SELECT 1", "select", ""),
        ("select 1 format JSON", "select", "JSON"),
        ("SELECT 'FORMAT CSV'", "select", ""),
        ("SELECT * FROM (SELECT 1 FORMAT x) FORMAT TSV", "select", "TSV"),
        ("/* FORMAT a */ WITH 1 AS x SELECT x -- FORMAT b\nFORMAT CSV", "select", "CSV"),
        ("(SELECT 1) UNION ALL (SELECT 2) FORMAT CSV SETTINGS max_threads = 1", "select", "CSV"),
        ("FROM t SELECT 1", "select", ""),
        ("SHOW TABLES FORMAT JSON", "other", "JSON"),
        ("SET a = 1", "set", ""),
        ("USE mart", "use", ""),
        ("KILL QUERY WHERE query_id = 'x'", "kill_query", ""),
        ("KILL MUTATION WHERE 1", "other", ""),
        ("INSERT INTO t SELECT 1", "insert_select", ""),
        ("INSERT INTO t (a, b) WITH 1 AS x SELECT x, 2", "insert_select", ""),
        ("", "other", ""),
        ("-- nothing", "other", ""),
    ],
)
def test_a_statement_is_told_by_its_first_words(sql: str, kind: str, output: str) -> None:
    statement = parse(sql)
    assert (statement.kind, statement.format) == (kind, output)


@pytest.mark.parametrize(
    ("sql", "head", "output", "data"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2", "INSERT INTO t ", "CSV", "1,2"),
        ("INSERT INTO t FORMAT CSV \r\n\n1", "INSERT INTO t ", "CSV", "\n1"),
        ("INSERT INTO t FORMAT RowBinary\n\n\x00", "INSERT INTO t ", "RowBinary", "\n\x00"),
        ("INSERT INTO t FORMAT Native", "INSERT INTO t ", "Native", ""),
        ("insert into t (a) values (1)", "insert into t (a) ", "Values", " (1)"),
        ("INSERT INTO d.values (`a`) VALUES (1)", "INSERT INTO d.values (`a`) ", "Values", " (1)"),
        ("INSERT INTO format FORMAT CSV\n1", "INSERT INTO format ", "CSV", "1"),
        ("INSERT INTO t SETTINGS a = 1 FORMAT CSV\n1", "INSERT INTO t SETTINGS a = 1 ", "CSV", "1"),
        ("INSERT INTO t /*VALUES*/ FORMAT CSV\nx", "INSERT INTO t /*VALUES*/ ", "CSV", "x"),
    ],
)  # fmt: skip
def test_the_data_of_an_insert_begin_where_clickhouse_says(
    sql: str, head: str, output: str, data: str
) -> None:
    statement = parse(sql)
    assert statement.kind == "insert_data"
    assert (statement.head, statement.format, sql[statement.data_start :]) == (head, output, data)


@pytest.mark.parametrize(
    "sql", ["SELECT 1 INTO OUTFILE 'x'", "INSERT INTO t FROM INFILE 'x' FORMAT CSV"]
)
def test_files_are_noticed(sql: str) -> None:
    assert parse(sql).uses_file


def test_settings_are_found_wherever_they_are_changed() -> None:
    sql = "SELECT (SELECT 1 SETTINGS a = 1), 'SETTINGS x = 1' FROM system.settings LIMIT 1 "
    assert changed_settings(sql + "SETTINGS `b` = [1, 2], c = 'd = 3' FORMAT CSV") == [
        "a",
        "b",
        "c",
    ]
    assert changed_settings("SET e = {'f': 1}, g = 2") == ["e", "g"]


def test_names_are_read_with_their_escapes_undone() -> None:
    assert called_names('SELECT `fi\\x6ce`(1), "f"(2), x IN (3)') == {"file", "f", "IN"}
    assert mentioned_names("SELECT t.file, a AS file, 'file'") == {"SELECT", "t", "a", "AS"}
    assert "file" in mentioned_names("SELECT arrayMap(file, [1]), * APPLY file")


def test_parameters_that_stand_for_identifiers_are_found() -> None:
    assert identifier_parameters("SELECT {a:Identifier}, {b:String}, map{1}") == {"a"}


@pytest.mark.parametrize(("sql", "name"), [("USE mart", "mart"), ("USE DATABASE `a b`;", "a b")])
def test_the_database_of_use_is_read(sql: str, name: str) -> None:
    assert used_database(sql) == name
