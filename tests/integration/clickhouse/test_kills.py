"""The server's end, whatever the kind: nothing acknowledged is lost, nothing half remains."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from local_stack.clickhouse.alone import started_clickhouse
from local_stack.clickhouse.launch import launcher_command
from tests.integration.clickhouse.conftest import Client
from tests.integration.clickhouse.refused import REFUSED

BATCH = 2000


@pytest.mark.kill
def test_kill_9_loses_nothing_acknowledged_and_leaves_no_part_of_a_batch(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    with started_clickhouse(tmp_path) as (server, process):
        client = Client(server, "pipeline", server.pipeline_password)
        client.ok("CREATE TABLE t (batch UInt32, n UInt32) ENGINE = MergeTree ORDER BY batch")

        def insert_until_killed() -> None:
            for batch in range(100_000):
                body = b"".join(b"%d,%d\n" % (batch, n) for n in range(BATCH))
                try:
                    if client(body, query="INSERT INTO t FORMAT CSV").status != 200:
                        return
                except OSError:
                    return
                acknowledged.append(batch)

        writer = threading.Thread(target=insert_until_killed)
        writer.start()
        time.sleep(2)
        process.send_signal(signal.SIGKILL)
        writer.join(20)
    assert len(acknowledged) > 5
    with started_clickhouse(tmp_path) as (server, _):
        client = Client(server, "pipeline", server.pipeline_password)
        found = client.ok("SELECT batch, count() FROM t GROUP BY batch ORDER BY batch").split("\n")
        counts = dict(tuple(map(int, line.split("\t"))) for line in found if line)
    assert set(counts.values()) == {BATCH}
    assert set(acknowledged) <= set(counts) <= {*acknowledged, len(acknowledged)}


@pytest.mark.kill
def test_sigterm_with_a_query_running_ends_cleanly_and_soon(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path) as (server, process):
        client = Client(server, "pipeline", server.pipeline_password)
        outcome: list[object] = []

        def ask() -> None:
            try:
                outcome.append(
                    client("SELECT sleepEachRow(0.1) FROM numbers(600) FORMAT TSV").status
                )
            except OSError as error:
                outcome.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        process.terminate()
        assert process.wait(10) == 0
        asking.join(10)
        assert outcome


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path) as (server, _):
        command = launcher_command(tmp_path / "clickhouse", 0, tmp_path / "secrets")
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "another server" in second.stderr
        assert Client(server, "pipeline", server.pipeline_password).ok("SELECT 1") == "1\n"


def test_no_password_is_left_in_environment_command_line_or_folder(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path) as (server, process):
        own = Path(f"/proc/{process.pid}")
        assert (own / "environ").read_bytes() == b""
        command = (own / "cmdline").read_bytes()
        passwords = (server.pipeline_password.encode(), server.analyst_password.encode())
        assert not any(password in command for password in passwords)
        for file in (tmp_path / "clickhouse").rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert not any(password in content for password in passwords), file


def test_the_server_is_the_process_its_supervisor_started(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path) as (_, process):
        arguments = psutil.Process(process.pid).cmdline()
        assert arguments[:4] == [sys.executable, "-I", "-m", "local_stack.clickhouse"]
        assert not psutil.Process(process.pid).children()


def test_without_the_sandbox_the_server_says_so_and_the_other_layers_hold(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path, "--without-sandbox") as (server, _):
        assert "WARNING: no sandbox" in (tmp_path / "clickhouse.log").read_text()
        Client(server, "pipeline", server.pipeline_password).ok("CREATE DATABASE mart")
        analyst = Client(server, "analyst", server.analyst_password)
        config = tmp_path / "clickhouse" / "config" / "users.xml"
        answers = {
            what: analyst(sql.format(config=config, store=config)).code
            for what, sql in REFUSED.items()
        }
        assert set(answers.values()) <= {164, 497, 60, 452}, answers


def test_a_kafka_table_is_refused_and_the_database_opens_again(tmp_path: Path) -> None:
    with started_clickhouse(tmp_path) as (server, _):
        client = Client(server, "pipeline", server.pipeline_password)
        client.ok("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
        for engine in (
            "Kafka('127.0.0.1:9092', 't', 'g', 'JSONEachRow')",
            "URL('http://x/', 'CSV')",
        ):
            assert client(f"CREATE TABLE k (a UInt32) ENGINE = {engine}").code == 497
    with started_clickhouse(tmp_path) as (server, _):
        client = Client(server, "pipeline", server.pipeline_password)
        assert client.ok("SHOW TABLES FROM main") == "t\n"
