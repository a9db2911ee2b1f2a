import pytest

from local_stack.clickhouse.errors import ServerError
from local_stack.clickhouse.policy import Policy
from local_stack.clickhouse.statements import parse

POLICY = Policy(["file", "url", "remote", "numbers", "format", "python", "merge"])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('/etc/passwd')",
        "SELECT arrayMap(file, ['/etc/passwd'])",
        "SELECT * APPLY file FROM t",
        "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
        "SELECT * FROM url('http://x/')",
        "SELECT * FROM remote('h', t)",
        "SELECT * FROM Python(x)",
        "SELECT aiGenerate('x')",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS output_format_schema = 'x'",
        "SELECT {f:Identifier}",
    ],
)
def test_an_analyst_may_not_say(sql: str) -> None:
    with pytest.raises(ServerError):
        POLICY.check_text(sql, {})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT url, t.file FROM t AS t",
        "SELECT 'file(1)'",
        "SELECT * FROM numbers(3)",
        "SELECT format('{}', a) FROM t",
        "SELECT 1 SETTINGS max_threads = 2, output_format_json_quote_64bit_integers = 1",
    ],
)
def test_an_analyst_may_say(sql: str) -> None:
    POLICY.check_text(sql, {})


def test_an_identifier_parameter_is_judged_by_its_value() -> None:
    sql = "SELECT arrayMap({f:Identifier}, [1])"
    POLICY.check_text(sql, {"f": "negate"})
    for value in ("file", "`file`", "FILE"):
        with pytest.raises(ServerError):
            POLICY.check_text(sql, {"f": value})


@pytest.mark.parametrize(
    ("sql", "group", "allowed"),
    [
        ("SELECT 1", "READ_ONLY", True),
        ("SET max_threads = 1", "CONTROL", True),
        ("USE mart", "CONTROL", True),
        ("KILL QUERY WHERE query_id = 'x'", "CONTROL", True),
        ("KILL MUTATION WHERE 1", "CONTROL", False),
        ("SYSTEM SHUTDOWN", "CONTROL", False),
        ("CREATE TEMPORARY TABLE t (a Int8)", "CONTROL", False),
        ("INSERT INTO t SELECT 1", "MUTATING", False),
        ("SELECT 1 INTO OUTFILE 'x'", "CONTROL", False),
    ],
)
def test_an_analyst_only_reads(sql: str, group: str, allowed: bool) -> None:
    if allowed:
        POLICY.check_kind("analyst", parse(sql), group)
        return
    with pytest.raises(ServerError):
        POLICY.check_kind("analyst", parse(sql), group)


def test_the_pipeline_may_write_but_not_into_files() -> None:
    POLICY.check_kind("pipeline", parse("DROP TABLE t"), "MUTATING")
    POLICY.check_settings("pipeline", ["max_memory_usage"])
    with pytest.raises(ServerError):
        POLICY.check_kind("pipeline", parse("SELECT 1 INTO OUTFILE 'x'"), "CONTROL")


@pytest.mark.parametrize(
    "name", ["readonly", "allow_ddl", "dialect", "max_memory_usage", "profile"]
)
def test_settings_off_the_list_are_refused(name: str) -> None:
    with pytest.raises(ServerError):
        POLICY.check_settings("analyst", [name])
