"""An INSERT lands whole or not at all, once per token."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pyarrow as pa
import pytest

from local_stack.clickhouse.alone import RunningServer
from tests.integration.clickhouse.conftest import Client


def rows(count: int, start: int = 0) -> bytes:
    return b"".join(b'{"a":%d,"b":"x"}\n' % n for n in range(start, start + count))


def count(pipeline: Client, table: str) -> int:
    return int(pipeline.ok(f"SELECT count() FROM {table}"))


def test_a_bad_row_at_the_end_leaves_nothing(pipeline: Client, table: str) -> None:
    body = rows(400_000) + b'{"a":"not a number"}\n'
    answer = pipeline(body, query=f"INSERT INTO {table} FORMAT JSONEachRow")
    assert answer.status == 400
    assert count(pipeline, table) == 0


def test_many_pieces_become_one_part(pipeline: Client, table: str) -> None:
    pipeline.ok(rows(400_000), query=f"INSERT INTO {table} FORMAT JSONEachRow")
    parts = pipeline.ok(
        "SELECT count(), sum(rows) FROM system.parts WHERE active AND "
        f"concat(database, '.', table) = '{table}'"
    )
    assert parts == "1\t400000\n"


def test_the_same_token_again_inserts_nothing(pipeline: Client, table: str) -> None:
    token = {"insert_deduplication_token": "events/0/0-1"}
    for start in (0, 5):
        pipeline.ok(rows(10, start), query=f"INSERT INTO {table} FORMAT JSONEachRow", **token)
    assert count(pipeline, table) == 10
    token["insert_deduplication_token"] = "events/0/1-2"
    pipeline.ok(rows(10), query=f"INSERT INTO {table} FORMAT JSONEachRow", **token)
    assert count(pipeline, table) == 20


def test_data_may_begin_with_bytes_that_look_like_blanks(pipeline: Client, table: str) -> None:
    data = pipeline("SELECT toUInt64(32), '\n' FORMAT RowBinary").body
    pipeline.ok(f"INSERT INTO {table} FORMAT RowBinary\n".encode() + data)
    assert pipeline.ok(f"SELECT a, b = '\\n' FROM {table}") == "32\t1\n"


def test_arrow_and_values_and_select(pipeline: Client, table: str) -> None:
    sink = pa.BufferOutputStream()
    batch = pa.table({"a": pa.array([1], pa.uint64()), "b": ["x"]})
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_table(batch)
    pipeline.ok(sink.getvalue().to_pybytes(), query=f"INSERT INTO {table} FORMAT Arrow")
    pipeline.ok(f"INSERT INTO {table} (a, b) VALUES (2, 'values (3)'), (1 + 2, 'x')")
    pipeline.ok(f"INSERT INTO {table} SELECT number + 10, 'x' FROM numbers(2)")
    assert pipeline.ok(f"SELECT arraySort(groupArray(a)) FROM {table}") == "[1,2,3,10,11]\n"


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(pipeline: Client, table: str) -> None:
    with pipeline.connection() as connection:
        connection.putrequest("POST", f"/?query=INSERT+INTO+{table}+FORMAT+JSONEachRow")
        connection.putheader("X-ClickHouse-User", "pipeline")
        connection.putheader("X-ClickHouse-Key", pipeline.password)
        connection.putheader("Content-Length", str(100_000_000))
        connection.endheaders()
        connection.send(rows(200_000))
    time.sleep(0.5)
    assert count(pipeline, table) == 0


@pytest.fixture
def tight(own_server: Callable[..., AbstractContextManager[RunningServer]]) -> Iterator[Client]:
    with own_server("--insert-mb", "4") as server:
        client = Client(server, "pipeline", server.pipeline_password)
        client.ok("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        yield client


def test_an_insert_beyond_the_limit_is_refused_unless_it_may_be_cut(tight: Client) -> None:
    body = rows(400_000)
    answer = tight(body, query="INSERT INTO t FORMAT JSONEachRow")
    assert (answer.status, answer.code) == (413, 223)
    assert count(tight, "t") == 0
    cut = {"max_insert_block_size": "100000", "min_insert_block_size_rows": "100000"}
    tight.ok(body, query="INSERT INTO t FORMAT JSONEachRow", **cut)
    assert count(tight, "t") == 400_000
