"""How tests are shared out among processes: file by file, and the one stack in one of them.

A file's tests share what is expensive (an engine with decided markets), so a file is a unit. All
files that use the fixture `stack` are one unit together, or each process would start a stack. What
takes longest goes first, so that no process ends long after the other.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

ON_THE_STACK = (
    "tests/e2e/",
    "tests/integration/dagster/test_guarded_ui.py",
    "tests/integration/test_stack_healing.py",
    "tests/integration/test_stack_status.py",
)
LONGEST = (*ON_THE_STACK, "tests/kill/")


class FileByFile(LoadScopeScheduling):
    """Gives out files in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return "the stack" if nodeid.startswith(ON_THE_STACK) else nodeid.split("::", 1)[0]


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with those first that take longest.

    Raises:
        UsageError: A test uses the stack and its file is not among those that do.
    """
    for item in items:
        uses_stack = "stack" in getattr(item, "fixturenames", ())
        if uses_stack and not item.nodeid.startswith(ON_THE_STACK):
            raise pytest.UsageError(f"{item.nodeid} uses the stack: name its file in {__name__}")
    places = {prefix: place for place, prefix in enumerate(LONGEST)}
    return sorted(
        items,
        key=lambda item: min(
            (place for prefix, place in places.items() if item.nodeid.startswith(prefix)),
            default=len(places),
        ),
    )
