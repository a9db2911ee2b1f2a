"""Dagster's tables through kept connections, and what becomes of these with their server."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.instance.ref import InstanceRef

from local_stack.postgres import running_postgres
from orchestration.storage import engine_of_process
from tests.e2e.platform import wait_until
from tests.running_stack import open_folder

STATUSES = [dg.DagsterRunStatus.SUCCESS]


@contextmanager
def instance(folder: Path, url: str) -> Iterator[dg.DagsterInstance]:
    storage = {"module": "orchestration.storage", "class": "PooledPostgresStorage"}
    overrides = {
        "storage": {"custom": {**storage, "config": {"postgres_url": url}}},
        "compute_logs": {
            "module": "orchestration.compute_logs",
            "class": "QuietComputeLogManager",
            "config": {"base_dir": str(folder / "compute_logs")},
        },
        "telemetry": {"enabled": False},
    }
    folder.mkdir(exist_ok=True)
    ref = InstanceRef.from_dir(str(folder), overrides=overrides)
    with dg.DagsterInstance.from_ref(ref) as found:
        yield found


def sessions(url: str) -> int:
    """Return how many connections are open now, with the one that asks."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return int(
            connection.execute(
                sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL")
            ).scalar_one()
        )


@dg.op
def talk() -> None:
    """Print on both streams."""
    sys.stdout.write("to the one\n")
    sys.stderr.write("to the other\n")


@dg.job
def talking() -> None:
    """Print a little."""
    talk()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with open_folder("unmogrowp-storage-") as folder, running_postgres(folder) as url:
        yield url
        engine_of_process(url).dispose()


def test_many_instances_of_a_process_share_a_few_connections(postgres: str, tmp_path: Path) -> None:
    for _ in range(10):
        with instance(tmp_path / "home", postgres) as one:
            assert one.get_runs_count(dg.RunsFilter(job_name="unknown")) == 0
    assert sessions(postgres) <= 4  # three are kept


def test_a_run_is_written_and_read_by_another_instance(postgres: str, tmp_path: Path) -> None:
    with instance(tmp_path / "home", postgres) as one:
        assert talking.execute_in_process(instance=one).success
    with instance(tmp_path / "home", postgres) as other:
        assert other.get_runs_count(dg.RunsFilter(statuses=STATUSES, job_name="talking")) == 1


def test_the_web_server_takes_connections_of_its_own(postgres: str, tmp_path: Path) -> None:
    with instance(tmp_path / "home", postgres) as one:
        one.optimize_for_webserver(15_000, 3_600, 20)
        assert one.get_runs_count(dg.RunsFilter(job_name="unknown")) == 0


def test_what_a_step_prints_is_kept_and_copied_once(
    postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with instance(tmp_path / "home", postgres) as one:
        done = talking.execute_in_process(instance=one)
        captured = next(e for e in done.all_events if e.event_type_value == "LOGS_CAPTURED")
        key = [done.run_id, "compute_logs", captured.logs_captured_data.file_key]
        told = one.compute_log_manager.get_log_data(key)
        assert one.compute_log_manager.is_capture_complete(key)
    assert told.stdout == b"to the one\n"
    assert b"to the other\n" in (told.stderr or b"")
    copied = capfd.readouterr()
    assert (copied.out.count("to the one"), copied.err.count("to the other")) == (1, 1)


def test_threads_beyond_the_kept_connections_are_served(postgres: str, tmp_path: Path) -> None:
    with instance(tmp_path / "home", postgres) as one, ThreadPoolExecutor(12) as threads:
        unknown = dg.RunsFilter(job_name="unknown")
        counts = list(threads.map(lambda _: one.get_runs_count(unknown), range(60)))
    assert counts == [0] * 60
    wait_until(lambda: sessions(postgres) <= 4, seconds=20, what="the others are closed")


def test_a_connection_that_died_with_its_server_is_replaced_unseen(
    passable_folder: Path, tmp_path: Path
) -> None:
    with running_postgres(passable_folder) as url, instance(tmp_path / "home", url) as one:
        assert one.get_runs_count() == 0
    port = sa.make_url(url).port or 0
    with running_postgres(passable_folder, port) as again:
        assert again == url
        with instance(tmp_path / "home", url) as one:
            assert one.get_runs_count() == 0
            killed = sa.create_engine(url, poolclass=sa.NullPool)
            with killed.connect() as connection:
                connection.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE pid != pg_backend_pid() AND datname IS NOT NULL"
                    )
                )
            assert one.get_runs_count() == 0
        engine_of_process(url).dispose()


def test_a_process_that_was_forked_has_an_engine_of_its_own(postgres: str) -> None:
    engine = engine_of_process(postgres)
    assert engine_of_process(postgres) is engine
    pid = os.fork()
    if pid == 0:
        os._exit(int(engine_of_process(postgres) is engine))
    assert os.waitpid(pid, 0)[1] == 0
