"""Concurrency, memory and time are bounded, and a client that goes away is noticed."""

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from local_stack.clickhouse.alone import RunningServer, started_clickhouse
from tests.integration.clickhouse.conftest import Answer, Client

SLOW = "SELECT sum(sleepEachRow(0.1)) FROM numbers(600) SETTINGS max_block_size = 1"
MIB = 1 << 20


def in_background(call: Callable[[], Answer]) -> tuple[threading.Thread, list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def wait_for(pipeline: Client, text: str, present: bool, seconds: float = 10) -> None:
    sql = (
        f"SELECT count() FROM system.processes WHERE query LIKE '%{text}%' "
        "AND query NOT LIKE '%system.processes%'"
    )
    deadline = time.monotonic() + seconds
    while (pipeline.ok(sql) != "0\n") != present:
        assert time.monotonic() < deadline, f"{text}: still {'absent' if present else 'present'}"
        time.sleep(0.05)


def test_a_client_that_goes_away_stops_its_query(pipeline: Client) -> None:
    marked = SLOW.replace("600", "601")
    with pipeline.connection() as connection:
        headers = {"X-ClickHouse-User": "pipeline", "X-ClickHouse-Key": pipeline.password}
        connection.request("POST", "/", marked, headers)
        wait_for(pipeline, "numbers(601)", present=True)
    wait_for(pipeline, "numbers(601)", present=False, seconds=3)


def test_a_query_is_killed_by_its_id(pipeline: Client) -> None:
    thread, answers = in_background(lambda: pipeline(SLOW, query_id="kill-me"))
    wait_for(pipeline, "numbers(600)", present=True)
    assert pipeline("SELECT 1", query_id="kill-me").code == 216
    assert "kill-me" in pipeline.ok("KILL QUERY WHERE query_id = 'kill-me' ASYNC")
    thread.join(10)
    assert answers[0].code == 394


def test_an_analyst_kills_only_its_own_queries(pipeline: Client, analyst: Client) -> None:
    thread, answers = in_background(lambda: pipeline(SLOW, query_id="not-yours"))
    own_thread, own = in_background(lambda: analyst(SLOW, query_id="yours"))
    wait_for(pipeline, "numbers(600)", present=True)
    time.sleep(0.2)
    assert analyst("KILL QUERY WHERE query_id = 'not-yours'").code == 497
    assert "yours" in analyst.ok("KILL QUERY WHERE query_id = 'yours'")
    own_thread.join(10)
    assert own[0].code == 394
    assert not answers
    pipeline.ok("KILL QUERY WHERE query_id = 'not-yours'")
    thread.join(10)


def test_beyond_places_and_queue_the_answer_is_too_many_queries(
    own_server: Callable[..., AbstractContextManager[RunningServer]],
) -> None:
    with own_server("--queries", "1", "--waiting", "1") as server:
        client = Client(server, "pipeline", server.pipeline_password)
        threads = [in_background(lambda: client(SLOW, query_id="first"))]
        time.sleep(0.5)
        threads.append(in_background(lambda: client("SELECT 2")))
        time.sleep(0.3)
        refused = client("SELECT 3")
        assert (refused.status, refused.code) == (503, 202)
        assert refused.headers["Retry-After"]
        # Analysts and inserts have places of their own.
        assert Client(server, "analyst", server.analyst_password).ok("SELECT 4") == "4\n"
        assert client("INSERT INTO nowhere VALUES (1)").code == 60
        # A KILL needs no place: it is how one gets free.
        assert "first" in client.ok("KILL QUERY WHERE query_id = 'first'")
        for thread, _ in threads:
            thread.join(20)
        assert [answers[0].code for _, answers in threads] == [394, 0]


def test_a_result_that_must_be_made_whole_is_bounded(pipeline: Client) -> None:
    for output in ("XML", "Pretty", "Arrow"):
        answer = pipeline(f"SELECT number FROM numbers(100000000) FORMAT {output}")
        assert answer.code == 396, answer.text


def test_memory_is_bounded_by_the_servers_limit(
    own_server: Callable[..., AbstractContextManager[RunningServer]],
) -> None:
    with own_server("--memory-mb", "1000") as server:
        for user, password in (
            ("pipeline", server.pipeline_password),
            ("analyst", server.analyst_password),
        ):
            answer = Client(server, user, password)(
                "SELECT length(groupArray(toString(number))) FROM numbers(100000000)"
            )
            assert answer.code == 241, answer.text


def test_a_gigabyte_streams_through_without_sitting_in_memory(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path) as (server, process):
        client = Client(server, "pipeline", server.pipeline_password)
        client("SELECT number FROM numbers(1000000) FORMAT Native")
        before = psutil.Process(process.pid).memory_info().rss
        with client.connection() as connection:
            connection.request(
                "POST", "/", "SELECT number, number FROM numbers(64000000) FORMAT RowBinary",
                {"X-ClickHouse-User": "pipeline", "X-ClickHouse-Key": client.password},
            )  # fmt: skip
            received, highest = read_slowly(connection.getresponse(), process.pid)
        assert received == 64_000_000 * 16
        assert highest - before < 300 * MIB


def read_slowly(response: http.client.HTTPResponse, pid: int) -> tuple[int, int]:
    received = highest = 0
    watched = psutil.Process(pid)
    while chunk := response.read1(1 << 20):
        received += len(chunk)
        if received % 50 < 2:
            highest = max(highest, watched.memory_info().rss)
    return received, max(highest, watched.memory_info().rss)


def test_a_text_beyond_a_mebibyte_is_refused_and_one_below_runs(pipeline: Client) -> None:
    values = ", ".join(map(str, range(100_000)))
    assert pipeline.ok(f"SELECT 7 IN ({values})", max_query_size="1000000") == "1\n"
    answer = pipeline("SELECT 1 " + "-- comment\n" * 100_000)
    assert (answer.status, answer.code) == (413, 223)
