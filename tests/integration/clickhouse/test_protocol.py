"""ClickHouse's HTTP interface, as clients rely on it."""

import gzip
import http.client
import json
import time

import lz4.frame
import pyarrow as pa
import pytest
import zstandard

from local_stack.clickhouse.alone import RunningServer
from local_stack.clickhouse.framing import Unpacker, pack
from tests.integration.clickhouse.conftest import Client


def unpacked(data: bytes) -> bytes:
    unpacker = Unpacker()
    raw = b"".join(unpacker.feed(data))
    unpacker.finish()
    return raw


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_health_needs_no_account(pipeline: Client, path: str) -> None:
    with pipeline.connection() as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"Ok.\n")


def test_another_path_is_not_found(pipeline: Client) -> None:
    assert pipeline("SELECT 1", path="/elsewhere").status == 404


def test_a_query_may_stand_in_the_url_or_the_body_or_both(pipeline: Client) -> None:
    assert pipeline(method="GET", query="SELECT 1").body == b"1\n"
    assert pipeline("SELECT 1").body == b"1\n"
    assert pipeline("+ 2", query="SELECT 1").body == b"3\n"


def test_get_changes_nothing(pipeline: Client) -> None:
    answer = pipeline(method="GET", query="CREATE TABLE main.got (a Int8) ENGINE = Memory")
    assert (answer.status, answer.code) == (500, 164)


def test_headers_name_format_query_server_and_time_zone(pipeline: Client) -> None:
    answer = pipeline("SELECT 1 FORMAT JSON", query_id="mine-1")
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine-1"
    assert answer.headers["X-ClickHouse-Server-Display-Name"] == "unmogrowp"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.body)["rows"] == 1


def test_the_summary_counts_rows(pipeline: Client, table: str) -> None:
    written = pipeline(f"INSERT INTO {table} FORMAT CSV\n1,x\n2,y\n")
    assert json.loads(written.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    read = pipeline(f"SELECT * FROM {table}", wait_end_of_query="1")
    assert json.loads(read.headers["X-ClickHouse-Summary"])["result_rows"] == "2"


def test_the_format_comes_from_the_text_then_the_url_then_the_header(pipeline: Client) -> None:
    assert pipeline("SELECT 1 AS a FORMAT CSV", default_format="TSV").body == b"1\n"
    assert pipeline("SELECT 1 AS a", default_format="JSONEachRow").body == b'{"a":1}\n'
    answer = pipeline("SELECT 1 AS a", headers={"X-ClickHouse-Format": "CSVWithNames"})
    assert answer.body == b'"a"\n1\n'


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1 FROM x", 400, 62),
        ("SELECT * FROM nowhere", 404, 60),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 SETTINGS no_such_setting = 1", 404, 115),
        ("", 400, 62),
    ],
)
def test_errors_carry_clickhouses_code(pipeline: Client, sql: str, status: int, code: int) -> None:
    answer = pipeline(sql)
    assert (answer.status, answer.code) == (status, code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": ""},
        {"X-ClickHouse-User": "nobody", "X-ClickHouse-Key": "x" * 64},
        {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""},
    ],
    ids=["an empty password", "an unknown name", "the engine's own user"],
)
def test_nobody_gets_in_without_a_password(analyst: Client, headers: dict[str, str]) -> None:
    answer = analyst("SELECT 1", headers=headers)
    assert (answer.status, answer.code) == (403, 516)


def test_credentials_may_stand_in_the_url(server: RunningServer, analyst: Client) -> None:
    path = f"/?query=SELECT+1&user=analyst&password={server.analyst_password}"
    with analyst.connection() as connection:
        connection.request("GET", path)
        assert connection.getresponse().read() == b"1\n"


def test_parameters_come_from_the_url_or_a_form(pipeline: Client) -> None:
    sql = "SELECT {s:String}, {n:Array(Int32)}"
    text = "tab\\tquote'"
    assert pipeline(sql, param_s=text, param_n="[1,2]").text == "tab\\tquote\\'\t[1,2]\n"
    form = (
        b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n' + sql.encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="param_s"\r\n\r\n' + text.encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="param_n"\r\n\r\n[1,2]\r\n--b--\r\n'
    )  # fmt: skip
    answer = pipeline(form, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.text == "tab\\tquote\\'\t[1,2]\n"


def test_default_is_another_name_of_main(pipeline: Client, table: str) -> None:
    short = table.removeprefix("main.")
    assert pipeline.ok(f"SELECT count() FROM {short}", database="default") == "0\n"
    assert pipeline.ok("SELECT currentDatabase()", database="default") == "main\n"
    assert pipeline("SELECT 1", database="nowhere").code == 81


@pytest.mark.parametrize(
    ("name", "compress", "decompress"),
    [
        ("gzip", gzip.compress, gzip.decompress),
        ("lz4", lz4.frame.compress, lz4.frame.decompress),
        (
            "zstd",
            zstandard.compress,
            lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
        ),
    ],
)
def test_bodies_are_encoded_both_ways(pipeline: Client, name, compress, decompress) -> None:
    answer = pipeline(
        compress(b"SELECT number FROM numbers(100000)"),
        headers={"Content-Encoding": name, "Accept-Encoding": name},
        enable_http_compression="1",
    )
    assert answer.headers["Content-Encoding"] == name
    assert decompress(answer.body) == b"".join(b"%d\n" % n for n in range(100000))


def test_a_body_that_is_not_what_it_says_is_refused(pipeline: Client) -> None:
    answer = pipeline(b"SELECT 1", headers={"Content-Encoding": "gzip"})
    assert answer.code == 271


def test_block_framing_works_both_ways_and_for_errors(pipeline: Client, table: str) -> None:
    answer = pipeline("SELECT number FROM numbers(200000)", compress="1")
    assert unpacked(answer.body) == b"".join(b"%d\n" % n for n in range(200000))
    error = pipeline("SELECT * FROM nowhere", compress="1")
    assert error.code == 60
    assert unpacked(error.body).startswith(b"Code: 60.")
    rows = b"".join(b"%d,x\n" % n for n in range(300000))
    pipeline(pack(rows), query=f"INSERT INTO {table} FORMAT CSV", decompress="1")
    assert pipeline.ok(f"SELECT count(), max(a) FROM {table}") == "300000\t299999\n"
    broken = pipeline(pack(rows)[:-1], query=f"INSERT INTO {table} FORMAT CSV", decompress="1")
    assert broken.code == 271


def test_an_error_in_mid_stream_is_marked_and_breaks_the_connection(pipeline: Client) -> None:
    sql = "SELECT throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 10000"
    credentials = {"X-ClickHouse-User": "pipeline", "X-ClickHouse-Key": pipeline.password}
    with pipeline.connection() as connection:
        connection.request("POST", "/", sql, credentials)
        response = connection.getresponse()
        assert response.status == 200
        tag = response.headers["X-ClickHouse-Exception-Tag"].encode()
        with pytest.raises(http.client.IncompleteRead) as broken:
            response.read()
    received = broken.value.partial
    tail = received[received.index(b"\r\n__exception__\r\n") :]
    begin = b"\r\n__exception__\r\n" + tag + b"\r\n"
    assert tail.startswith(begin + b"Code: 395.")
    message, _, length = (
        tail.removeprefix(begin)
        .removesuffix(b" " + tag + b"\r\n__exception__\r\n")
        .rpartition(b"\n")
    )
    assert int(length) == len(message) + 1


STREAMED = [
    *("TSV", "TSVWithNames", "TSVWithNamesAndTypes"),
    *("CSV", "CSVWithNames", "CSVWithNamesAndTypes"),
    *("JSONEachRow", "JSONCompactEachRowWithNames"),
    *("RowBinary", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes"),
]


@pytest.mark.parametrize("output", STREAMED)
@pytest.mark.parametrize("rows", [0, 1, 200_000])
def test_a_streamed_result_is_one_document(pipeline: Client, output: str, rows: int) -> None:
    columns = 'number AS "a\n""b""", toString(number) AS c'
    streamed = pipeline(f"SELECT {columns} FROM numbers({rows}) FORMAT {output}")
    # The same rows as one piece: the engine's own document.
    whole = pipeline(
        f"SELECT {columns} FROM numbers({rows}) ORDER BY number FORMAT {output} "
        "SETTINGS max_block_size = 1000000, max_threads = 1"
    )
    assert streamed.status == whole.status == 200
    assert len(streamed.body) == len(whole.body)
    assert streamed.body == whole.body


@pytest.mark.parametrize("output", ["JSON", "JSONCompact", "JSONStrings", "JSONCompactStrings"])
@pytest.mark.parametrize("rows", [0, 1, 200_000])
def test_streamed_json_is_one_document(pipeline: Client, output: str, rows: int) -> None:
    sql = f"SELECT number, '\"data\":\n' AS t FROM numbers({rows}) FORMAT {output}"
    found = json.loads(pipeline(sql).body)
    assert found["rows"] == len(found["data"]) == rows
    numbers = [row["number"] if isinstance(row, dict) else row[0] for row in found["data"]]
    assert list(map(int, numbers)) == list(range(rows))
    assert [column["name"] for column in found["meta"]] == ["number", "t"]


def test_json_with_totals_keeps_them(pipeline: Client) -> None:
    sql = "SELECT number % 2 AS n, count() AS c FROM numbers(10) GROUP BY n WITH TOTALS FORMAT JSON"
    assert json.loads(pipeline(sql).body)["totals"]["c"] == 10


@pytest.mark.parametrize("rows", [0, 1, 200_000])
def test_an_arrow_stream_is_one_stream(pipeline: Client, rows: int) -> None:
    answer = pipeline(
        f"SELECT number, toString(number) AS t FROM numbers({rows}) FORMAT ArrowStream"
    )
    table = pa.ipc.open_stream(answer.body).read_all()
    assert table.column_names == ["number", "t"]
    assert table.column("number").to_pylist() == list(range(rows))


def test_a_session_keeps_its_settings_and_a_request_does_not(pipeline: Client) -> None:
    session = {"session_id": f"s{time.monotonic_ns()}"}
    ask = "SELECT getSetting('max_threads'), getSetting('session_timezone')"
    pipeline.ok("SET max_threads = 3", **session)
    assert pipeline.ok(ask, **session) == "3\t\n"
    changed = pipeline.ok(ask, **session, max_threads="5", session_timezone="Asia/Tokyo")
    assert changed == "5\tAsia/Tokyo\n"
    assert pipeline.ok(ask, **session) == "3\t\n"
    pipeline.ok("USE mart", **session)
    assert pipeline.ok("SELECT currentDatabase()", **session) == "mart\n"
    assert pipeline.ok("SELECT currentDatabase()", **session, database="main") == "main\n"
    assert pipeline.ok("SELECT currentDatabase()", **session) == "mart\n"


def test_a_session_is_usable_after_an_error_in_mid_stream(pipeline: Client) -> None:
    session = {"session_id": f"s{time.monotonic_ns()}"}
    failing = "SELECT throwIf(number = 300000) FROM numbers(1000000) SETTINGS max_block_size = 1000"
    assert pipeline(failing, wait_end_of_query="1", **session).status == 500
    assert pipeline.ok("SELECT 1 FORMAT JSONEachRow", **session) == '{"1":1}\n'


def test_an_analyst_of_a_session_stays_read_only(analyst: Client) -> None:
    session = {"session_id": f"s{time.monotonic_ns()}"}
    # Often, each time on a connection that closes at once: the kill of a request whose client
    # went away must not reach the next one of the session.
    for _ in range(40):
        assert analyst.ok("SELECT getSetting('readonly')", **session, max_threads="2") == "2\n"
        assert analyst("CREATE TABLE main.x (a Int8) ENGINE = Memory", **session).code == 164


def test_an_unknown_session_is_reported_where_asked_for(pipeline: Client) -> None:
    answer = pipeline("SELECT 1", session_id="never-seen", session_check="1")
    assert (answer.status, answer.code) == (404, 372)


def test_sessions_belong_to_their_account(pipeline: Client, analyst: Client) -> None:
    session = {"session_id": f"s{time.monotonic_ns()}"}
    pipeline.ok("SET max_threads = 3", **session)
    assert analyst("SELECT 1", session_check="1", **session).code == 372


def test_an_identifier_parameter_cannot_smuggle_a_function(analyst: Client) -> None:
    sql = "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])"
    assert analyst(sql, param_f="file").code == 497
    assert analyst(sql.replace("'/etc/hostname'", "1"), param_f="negate").text == "[-1]\n"


def test_a_session_outlives_a_request_with_a_wrong_setting(pipeline: Client) -> None:
    session = {"session_id": f"s{time.monotonic_ns()}"}
    pipeline.ok("SET max_threads = 3", **session)
    assert pipeline("SELECT 1", **session, max_threads="7", no_such_setting="1").code == 115
    assert pipeline("SELECT 1", **session, max_threads="seven").status == 400
    assert pipeline.ok("SELECT getSetting('max_threads')", **session) == "3\n"
