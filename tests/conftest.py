"""Fixtures for all tests. The stack starts only for tests that ask for it, once per run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_stack import RunningStack, open_folder, running_stack


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
