"""Fixtures for all tests. The stack starts only for tests that ask for it, once per run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_stack import RunningStack, open_folder, running_stack


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `scripts/soak kills` repeat what must never fail."""
    parser.addoption(
        "--repeat", type=int, default=1, metavar="N", help="Run every test marked `kill` N times."
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat tests marked `kill`, one time after the other on the same stack."""
    times = metafunc.config.getoption("--repeat")
    if times > 1 and metafunc.definition.get_closest_marker("kill") is not None:
        metafunc.fixturenames.append("round_number")
        metafunc.parametrize("round_number", range(1, times + 1), ids="round {}".format)


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The whole embedded stack, on free ports in a folder of its own."""
    with running_stack() as running:
        yield running


@pytest.fixture
def passable_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's own user can pass through (tmp_path is private)."""
    with open_folder("unmogrowp-test-") as folder:
        yield folder
