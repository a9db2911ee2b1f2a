"""`unmogrowp migrate` and `unmogrowp sql`, as a person types them, against the warehouse server."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.clickhouse.alone import running_clickhouse

ROOT = Path(__file__).parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("commands")
    with running_clickhouse(folder / "clickhouse") as server:
        environment = {
            **os.environ,
            "UNMOGROWP_HOME": str(folder / "home"),
            "UNMOGROWP_CLICKHOUSE__URL": server.url,
            "UNMOGROWP_CLICKHOUSE__PASSWORD": server.pipeline_password,
            "UNMOGROWP_CLICKHOUSE__ANALYST_PASSWORD": server.analyst_password,
        }

        def command(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "cli.main", *arguments],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
            )

        first = command("migrate")
        assert first.returncode == 0, first.stderr
        assert first.stdout.startswith("applied: 0001, 0002")
        yield command


def test_a_second_migrate_has_nothing_to_do(run: Run) -> None:
    assert run("migrate").stdout.startswith("nothing to do")


def test_a_query_is_a_table_for_people(run: Run) -> None:
    shown = run("sql", "SELECT 7 AS seven, 'x' AS letter")
    assert shown.returncode == 0
    assert all(text in shown.stdout for text in ("seven", "letter", "7", "x", "1 row"))


def test_the_format_of_the_query_wins(run: Run) -> None:
    shown = run("sql", "SELECT 1 AS a, 'ü' AS b FORMAT CSVWithNames")
    assert shown.stdout == '"a","b"\n1,"ü"\n'


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT nope", "nope"),
        ("INSERT INTO clean.events (app_id) VALUES ('x')", "READONLY"),
        ("SELECT * FROM file('/etc/passwd')", "not allowed"),
    ],
    ids=["an unknown column", "a write", "a file"],
)
def test_what_is_wrong_or_forbidden_is_one_line_and_exit_code_1(
    run: Run, query: str, words: str
) -> None:
    refused = run("sql", query)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert words in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_without_a_stack_the_message_says_what_to_do(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("UNMOGROWP_")}
    refused = subprocess.run(
        [sys.executable, "-m", "cli.main", "sql", "SELECT 1"],
        cwd=ROOT,
        env={**environment, "UNMOGROWP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert refused.returncode == 1
    assert "unmogrowp up" in refused.stderr
