import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_stack.process_records import COMPONENT_MARK, HOME_MARK, ProcessRecords

SLEEP = "import time; time.sleep(60)"
# Starts a child that ignores SIGTERM, says so, and sleeps.
PARENT = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', "
    "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print(1, flush=True); time.sleep(60)']); time.sleep(60)"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def start(home: Path) -> Iterator[object]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str, program: str = SLEEP) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, HOME_MARK: str(home), COMPONENT_MARK: name},
            stdout=subprocess.PIPE,
            process_group=0,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        for member in psutil.process_iter():
            try:
                if os.getpgid(member.pid) == process.pid:
                    member.kill()
            except (psutil.Error, OSError):
                continue
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_recorded_process_is_found_and_ended(home: Path, start) -> None:
    records = ProcessRecords(home)
    process = start("kafka")
    records.write("kafka", process.pid)
    assert [(name, p.pid) for name, p in records.living()] == [("kafka", process.pid)]
    assert records.sweep() == ["kafka"]
    assert process.wait(5) != 0
    assert records.living() == []


def test_a_pid_that_was_given_to_another_process_is_left_alone(home: Path, start) -> None:
    records = ProcessRecords(home)
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        file = home / "run" / "pids" / "kafka"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"pid": stranger.pid, "created_at": time.time() - 3600}))
        assert records.living() == []
        assert records.sweep() == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_children_of_a_killed_component_are_ended_even_against_their_will(
    home: Path, start
) -> None:
    records = ProcessRecords(home)
    process = start("collector", PARENT)
    assert process.stdout.readline() == b"1\n"
    records.write("collector", process.pid)
    process.kill()
    process.wait()
    assert [name for name, _ in records.living()] == ["collector"]
    assert records.sweep(grace_seconds=0.2) == ["collector"]
    assert records.living() == []


def test_another_data_folder_s_component_is_left_alone(home: Path, start, tmp_path: Path) -> None:
    process = start("collector")
    other = ProcessRecords(tmp_path / "other")
    assert other.living() == []
    assert process.poll() is None


def test_only_the_named_component_is_swept(home: Path, start) -> None:
    records = ProcessRecords(home)
    kafka, valkey = start("kafka"), start("valkey")
    assert records.sweep("kafka") == ["kafka"]
    assert kafka.wait(5) != 0
    assert valkey.poll() is None


def test_a_damaged_record_is_no_record(home: Path) -> None:
    file = home / "run" / "pids" / "kafka"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    assert ProcessRecords(home).read("kafka") is None
    assert ProcessRecords(home).living() == []
