"""Time as a parameter: code that decides never asks the operating system what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives the present instant; tests pass one they can move."""

    def now_ms(self) -> int:
        """Return the present instant in epoch milliseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the present instant in epoch milliseconds."""
        return time.time_ns() // 1_000_000


def utc(epoch_ms: int) -> datetime:
    """Return the aware UTC datetime of an epoch in milliseconds, exactly."""
    seconds, milliseconds = divmod(epoch_ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
