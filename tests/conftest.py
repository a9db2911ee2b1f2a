"""Fixtures for all tests. The stack starts only for tests that ask for it, once per run."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.parallel import FileByFile, in_order
from tests.running_stack import RunningStack, open_folder, running_stack

# A machine that does other work besides is slow at times; that is no fault of what is tested.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
pytest.register_assert_rewrite("tests.market.scenarios")


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest where processes share the tests out."""
    if hasattr(config, "workerinput"):
        items[:] = in_order(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileByFile:
    """Share tests out file by file."""
    return FileByFile(config, log)


@pytest.fixture(scope="module", autouse=True)
def no_client_is_left_behind() -> Iterator[None]:
    """Fail the module that leaves a Kafka client's thread running.

    A client nobody closed reconnects for ever and draws from `random` as it does, which makes
    Hypothesis, tests and minutes later, call innocent strategies flaky.
    """
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 10
    while left := [t.name for t in set(threading.enumerate()) - before if "kafka" in t.name]:
        assert time.monotonic() < deadline, f"threads of clients nobody closed: {left}"
        time.sleep(0.05)


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
