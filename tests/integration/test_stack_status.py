import contextlib
import os
import socket
import stat
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest

from tests.running_stack import RunningStack

NAMES = [
    "kafka",
    "clickhouse",
    "postgres",
    "valkey",
    "collector",
    "control-api",
    "dagster-code",
    "dagster-daemon",
    "dagster-webserver",
]
FIELDS = ["name", "state", "pid", "port", "url", "version"]

pytestmark = pytest.mark.stack


def stack_processes(stack: RunningStack) -> Iterator[psutil.Process]:
    for row in stack.components().values():
        process = psutil.Process(row["pid"])
        yield from [process, *process.children(recursive=True)]


def test_status_names_every_component_with_all_fields(stack: RunningStack) -> None:
    components = stack.components()
    assert list(components) == NAMES
    assert all(list(row) == FIELDS for row in components.values())


def test_every_component_is_running_with_pid_and_version(stack: RunningStack) -> None:
    for row in stack.components().values():
        assert row["state"] == "running"
        assert psutil.pid_exists(row["pid"])
        assert row["version"]


def test_every_url_answers(stack: RunningStack) -> None:
    for row in stack.components().values():
        if row["url"] is None:
            assert row["name"] == "dagster-daemon"
            continue
        parts = urlsplit(row["url"])
        assert parts.port == row["port"]
        with socket.create_connection((parts.hostname, parts.port), 5):
            pass
        if parts.scheme == "http" and row["name"] in ("clickhouse", "dagster-webserver"):
            with urllib.request.urlopen(row["url"], timeout=10) as answer:
                assert answer.status == 200


def test_check_exits_zero_while_everything_runs(stack: RunningStack) -> None:
    assert stack.run("status", "--check").returncode == 0


def test_nothing_listens_on_other_than_loopback(stack: RunningStack) -> None:
    listening = set()
    for process in stack_processes(stack):
        # A run of Dagster may end while it is looked at.
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    # gRPC binds an IPv6 socket to the IPv4 loopback: the same address, longer.
                    listening.add(connection.laddr.ip.removeprefix("::ffff:"))
    assert listening == {"127.0.0.1"}


def test_secrets_are_readable_by_their_owner_only(stack: RunningStack) -> None:
    folder = stack.home / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert {file.name for file in files} >= {
        "clickhouse-pipeline",
        "clickhouse-analyst",
        "postgres",
        "valkey",
        "key-pepper",
    }
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(file.read_text().strip()) >= 32


def test_no_secret_is_in_a_command_line_or_environment(stack: RunningStack) -> None:
    names = ("clickhouse-pipeline", "clickhouse-analyst", "postgres", "valkey", "key-pepper")
    secrets = [stack.secret(name) for name in names]
    for process in stack_processes(stack):
        with contextlib.suppress(psutil.NoSuchProcess):
            seen = " ".join(process.cmdline()) + " ".join(process.environ().values())
            assert not any(secret in seen for secret in secrets), process.name()


def test_files_with_a_secret_are_private(stack: RunningStack) -> None:
    passwords = [stack.secret(name).encode() for name in ("postgres", "valkey", "key-pepper")]
    for folder, folders, files in os.walk(stack.home):
        if folder == str(stack.home):
            folders[:] = [name for name in folders if name not in ("kafka", "clickhouse")]
        for name in files:
            path = os.path.join(folder, name)
            if os.path.getsize(path) > 1_000_000 or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            if any(password in content for password in passwords):
                assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path


def test_logs_show_the_end_of_a_component(stack: RunningStack) -> None:
    assert "ready to accept connections" in stack.ok("logs", "postgres")
    unknown = stack.run("logs", "nonsense")
    assert unknown.returncode == 1
    assert "there is no component 'nonsense'" in unknown.stderr
