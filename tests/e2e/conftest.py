"""The running platform for end-to-end tests, and everything that is played on it."""

import pytest

from tests.e2e.platform import App, Platform
from tests.e2e.played import Played, play
from tests.running_stack import RunningStack


@pytest.fixture(scope="session")
def platform(stack: RunningStack) -> Platform:
    """The stack of this run, as a client sees it."""
    return Platform(stack)


@pytest.fixture(scope="session")
def played(platform: Platform) -> Played:
    """All scenarios, sent and synced once."""
    return play(platform)


@pytest.fixture(scope="session")
def witness_app(platform: Platform) -> App:
    """One app for all witnesses: each of them has ids of its own."""
    app = platform.create_app("Witness")
    platform.wait_for_keys()
    return app
