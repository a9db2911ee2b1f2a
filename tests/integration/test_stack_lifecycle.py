"""On a stack of two components, which starts in seconds; the whole one shares this code."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from local_stack import lifecycle
from local_stack.data_folder import DataFolder
from local_stack.supervision import Supervisor
from tests.running_stack import PROJECT, RunningStack, prepared_stack, running_stack


@pytest.fixture
def small_stack() -> Iterator[RunningStack]:
    with running_stack("postgres", "valkey") as stack:
        yield stack


def processes_of(stack: RunningStack) -> list[psutil.Process]:
    """Everything that was started for this folder, found independently of our records."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = str(stack.home) in " ".join(process.cmdline())
            if is_ours or process.environ().get("UNMOGROWP_HOME") == str(stack.home):
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def supervisor_pid(stack: RunningStack) -> int:
    return int(json.loads((stack.home / "run" / "pids" / "supervisor").read_text())["pid"])


def test_a_second_up_on_the_same_folder_says_so_and_fails(small_stack: RunningStack) -> None:
    again = small_stack.run("up", "--detach")
    assert again.returncode != 0
    assert "is running already" in again.stderr
    assert small_stack.components()["valkey"]["state"] == "running"


def test_down_leaves_no_process(small_stack: RunningStack) -> None:
    assert processes_of(small_stack)
    assert "Everything is stopped." in small_stack.ok("down")
    assert processes_of(small_stack) == []
    assert {row["state"] for row in small_stack.components().values()} == {"stopped"}
    assert "Nothing was running." in small_stack.ok("down")


@pytest.mark.parametrize("step", ["stop_programs", "shut_down"])
def test_down_leaves_no_process_when_the_supervisor_is_killed_meanwhile(
    small_stack: RunningStack, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = getattr(Supervisor, step)

    def killed_before_it_is_asked(supervisor: Supervisor, *arguments: Any) -> None:
        os.kill(supervisor_pid(small_stack), signal.SIGKILL)
        ask(supervisor, *arguments)

    monkeypatch.setattr(Supervisor, step, killed_before_it_is_asked)
    lifecycle.down(DataFolder(small_stack.home))
    assert processes_of(small_stack) == []


def test_ports_and_data_stay_the_same_over_a_restart(small_stack: RunningStack) -> None:
    before = {name: row["port"] for name, row in small_stack.components().items()}
    secret = small_stack.secret("postgres")
    small_stack.ok("down")
    small_stack.ok("up", "--detach", "--only", "postgres")
    assert {name: row["port"] for name, row in small_stack.components().items()} == before
    assert small_stack.secret("postgres") == secret


def test_up_takes_over_what_a_killed_supervisor_left(small_stack: RunningStack) -> None:
    old = small_stack.components()
    os.kill(supervisor_pid(small_stack), signal.SIGKILL)
    time.sleep(0.2)
    orphans = small_stack.components()
    assert orphans["postgres"] == {**old["postgres"], "state": "orphaned"}
    said = small_stack.ok("up", "--detach", "--only", "postgres", "--only", "valkey")
    assert "Stopped what an earlier stack left behind: postgres, valkey." in said
    new = small_stack.components()
    for name in ("postgres", "valkey"):
        assert new[name]["state"] == "running"
        assert not psutil.pid_exists(old[name]["pid"])


def test_down_ends_what_a_killed_supervisor_left(small_stack: RunningStack) -> None:
    os.kill(supervisor_pid(small_stack), signal.SIGKILL)
    assert "Ended what was no longer supervised: postgres, valkey." in small_stack.ok("down")
    assert processes_of(small_stack) == []


def test_reset_is_refused_while_the_stack_runs_and_then_wipes(small_stack: RunningStack) -> None:
    refused = small_stack.run("reset", "--yes")
    assert refused.returncode == 1
    assert "is running" in refused.stderr
    small_stack.ok("down")
    assert small_stack.run("reset").returncode == 2
    foreign = small_stack.home / "notes.txt"
    foreign.write_text("not the project's")
    small_stack.ok("reset", "--yes")
    assert [entry.name for entry in small_stack.home.iterdir()] == ["notes.txt"]


def test_up_in_the_foreground_stops_everything_on_ctrl_c() -> None:
    with prepared_stack() as stack:
        with subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up", "--only", "valkey"],
            cwd=PROJECT,
            env=dict(stack.environment),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            assert any("Press Ctrl-C" in line for line in lines)
            process.send_signal(signal.SIGINT)
            assert "Everything is stopped." in process.stdout.read()
            assert process.wait(30) == 0
        assert processes_of(stack) == []


def test_a_component_with_an_address_in_the_environment_is_used_and_not_started(
    small_stack: RunningStack,
) -> None:
    port = small_stack.components()["valkey"]["port"]
    url = f"redis://:{small_stack.secret('valkey')}@127.0.0.1:{port}/0"
    with running_stack("valkey", "postgres", UNMOGROWP_REDIS__URL=url) as other:
        valkey = other.components()["valkey"]
        assert (valkey["state"], valkey["pid"], valkey["port"]) == ("running", None, port)
        assert small_stack.secret("valkey") not in (other.home / "stack.json").read_text()
        small_stack.ok("down")
        assert other.components()["valkey"]["state"] == "external"


def test_a_port_that_was_asked_for_and_is_taken_stops_the_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with prepared_stack(UNMOGROWP_PORTS__VALKEY=str(port)) as stack:
            done = stack.run("up", "--detach", "--only", "valkey")
            assert done.returncode == 1
            assert f"port {port} for valkey is in use by another program" in done.stderr


def test_data_of_an_unreachable_folder_lies_elsewhere_and_permissions_stay() -> None:
    """Root only: PostgreSQL's user cannot enter a private folder; others run as themselves."""
    with prepared_stack() as stack:
        stack.home.mkdir(mode=0o700)
        said = stack.ok("up", "--detach", "--only", "postgres")
        assert stack.components()["postgres"]["state"] == "running"
        assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
        is_elsewhere = "its data is in /var/lib/unmogrowp/" in said.replace("\n", " ")
        assert is_elsewhere == (os.geteuid() == 0)
