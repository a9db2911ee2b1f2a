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
