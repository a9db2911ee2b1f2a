"""Real processes, forked as runs are; what they execute is a module of a few lines."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import types
from multiprocessing.context import ForkServerProcess

import psutil
import pytest

from orchestration.zygote import RunContext, Zygote

CODE = """
import json, os, pathlib, threading, time
IMPORTED_BY = os.getpid()
VALUE = {value}

def report(path, until=None):
    told = dict(
        pid=os.getpid(),
        imported_by=IMPORTED_BY,
        value=VALUE,
        threads=threading.active_count(),
        files=len(os.listdir("/proc/self/fd")),
    )
    pathlib.Path(path + ".new").write_text(json.dumps(told))
    os.rename(path + ".new", path)
    while until is not None and not os.path.exists(until):
        time.sleep(0.01)

def talk(queue, event):
    queue.put("started")
    queue.put("told to end" if event.wait(20) else "forgotten")
"""
SERVER = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from orchestration.zygote import RunContext, Zygote
import code_of_runs
zygote = Zygote("code_of_runs", [Path(code_of_runs.__file__).parent])
while not zygote.is_warm():
    time.sleep(0.01)
run = RunContext(zygote).Process(target=code_of_runs.report, args=({report!r}, {until!r}))
run.start()
print(zygote.pid, run.pid, flush=True)
time.sleep(60)
"""


class Runs:
    """Starts runs of the module, and reads what they report."""

    def __init__(self, folder):
        self.folder = folder
        self.write(1)
        self.zygote = Zygote("code_of_runs", [folder])
        self.context = RunContext(self.zygote)
        self.gate = folder / "gate"
        self.count = 0

    def write(self, value):
        (self.folder / "code_of_runs.py").write_text(CODE.format(value=value))

    def start(self, *, until=None, warm=True):
        self.count += 1
        path = self.folder / f"report-{self.count}"
        code = importlib.import_module("code_of_runs")
        if warm:
            wait(self.zygote.is_warm)
        run = self.context.Process(target=code.report, args=(str(path), until and str(until)))
        run.start()
        return run, path

    def run(self):
        process, path = self.start()
        process.join(20)
        return read(path)


def read(path):
    wait(path.exists)
    return json.loads(path.read_text())


def wait(is_so, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    # A run executes the main module of its server once more, and pytest's takes a second.
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    runs = Runs(tmp_path)
    yield runs
    runs.gate.touch()
    runs.zygote.end()
    sys.modules.pop("code_of_runs", None)


def test_a_run_is_forked_from_a_process_that_has_imported_its_code(runs):
    told = runs.run()
    assert told["imported_by"] == runs.zygote.pid
    assert told["pid"] not in (runs.zygote.pid, os.getpid())
    assert told["threads"] == 1


def test_a_run_does_not_wait_for_a_zygote_that_is_still_importing(runs):
    runs.write("time.sleep(1.5)")
    run, path = runs.start(warm=False)
    assert read(path)["imported_by"] == read(path)["pid"] == run.pid
    run.join(20)
    assert runs.run()["imported_by"] == runs.zygote.pid


def test_a_run_that_was_killed_is_not_alive(runs):
    run, path = runs.start(until=runs.gate)
    read(path)
    assert run.is_alive()
    run.kill()
    wait(lambda: not run.is_alive())
    assert run.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_run_and_its_server_talk_by_a_queue_and_an_event(runs, warm):
    if warm:
        wait(runs.zygote.is_warm)
    queue, event = runs.context.Queue(), runs.context.Event()
    code = importlib.import_module("code_of_runs")
    run = runs.context.Process(target=code.talk, args=(queue, event))
    run.start()
    assert queue.get(timeout=20) == "started"
    event.set()
    assert queue.get(timeout=20) == "told to end"
    run.join(20)
    assert run.exitcode == 0
    queue.close()
    queue.join_thread()


def test_a_run_outlives_its_zygote_and_the_next_run_has_another(runs):
    run, path = runs.start(until=runs.gate)
    first = read(path)
    os.kill(runs.zygote.pid, signal.SIGKILL)
    time.sleep(0.2)
    assert run.is_alive()
    second = runs.run()
    assert second["imported_by"] != first["imported_by"]
    runs.gate.touch()
    wait(lambda: not run.is_alive())


def test_a_zygote_that_multiprocessing_replaced_by_itself_is_used_too(runs):
    first = runs.run()["imported_by"]
    os.kill(runs.zygote.pid, signal.SIGKILL)
    wait(lambda: is_gone(first))
    unseen = ForkServerProcess(target=os.getpid)
    unseen.start()
    unseen.join()
    assert runs.run()["imported_by"] == runs.zygote.pid != first


def test_a_run_executes_the_code_that_is_on_disk(runs):
    old, path = runs.start(until=runs.gate)
    assert read(path)["value"] == 1
    runs.write(22)
    assert runs.run()["value"] == 22
    assert old.is_alive()


def test_a_retired_zygote_ends_after_the_last_of_its_runs(runs):
    run, path = runs.start(until=runs.gate)
    retired = read(path)["imported_by"]
    runs.write(22)
    runs.run()
    assert not is_gone(retired)
    runs.gate.touch()
    wait(lambda: is_gone(retired))
    assert not run.is_alive()


def test_files_stay_open_neither_here_nor_in_the_zygote_nor_in_later_runs(runs):
    def open_files():
        return [psutil.Process(pid).num_fds() for pid in (os.getpid(), runs.zygote.pid)]

    first = runs.run()["files"]
    before = open_files()
    assert [runs.run()["files"] for _ in range(5)] == [first] * 5
    assert all(
        now <= then + 1 for now, then in zip(open_files(), before, strict=True)
    )  # one process object may still be waited for


def test_a_run_outlives_the_server_that_started_it_and_the_zygote_ends_after_it(tmp_path):
    (tmp_path / "code_of_runs.py").write_text(CODE.format(value=1))
    report, gate = tmp_path / "report", tmp_path / "gate"
    program = SERVER.format(path=[str(tmp_path), os.getcwd()], report=str(report), until=str(gate))
    server = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with server.stdout as told:
        zygote, run = map(int, told.readline().split())
    read(report)
    server.kill()
    server.wait()
    time.sleep(0.2)
    assert not is_gone(run)
    gate.touch()
    wait(lambda: is_gone(run) and is_gone(zygote))
