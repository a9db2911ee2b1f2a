import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load(program):
    return subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:orchestration", "-c", program],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "UNMOGROWP_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_definitions_load_without_any_server_and_without_great_expectations():
    done = load(
        "import sys, orchestration.definitions;"
        "print(sorted(m for m in ('great_expectations', 'ingest_api') if m in sys.modules))"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_the_launcher_of_the_daemon_loads_none_of_the_pipeline():
    done = load(
        "import sys, orchestration.launcher;"
        "print(sorted(m for m in ('polars', 'kafka', 'assets') if m in sys.modules))"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_what_runs_are_forked_from_holds_all_they_need_and_no_thread_that_must_not_be_forked():
    done = load(
        "import pathlib, sys, orchestration.preloaded;"
        "needed = ('great_expectations', 'kafka', 'clickhouse_connect');"
        "names = {p.read_text().strip() for p in pathlib.Path('/proc/self/task').glob('*/comm')};"
        "print([m for m in needed if m not in sys.modules], 'grpc' in sys.modules,"
        # One per core as soon as a query ran; its cleaner of files alone holds no lock.
        " {name for name in names if name.startswith('polars-')} - {'polars-ooc-clea'})"
    )
    assert done.stdout.strip() == "[] False set()", done.stderr
