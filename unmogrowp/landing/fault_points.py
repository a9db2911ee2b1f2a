"""Named instants before and after each write of landing, where a test may kill the process.

Exactly-once is a claim about every gap between two writes. The points are part of the code, so
that the kill tests visit all of them and a new write without a point is visible in review.
"""

from typing import Protocol


class FaultPoints(Protocol):
    """Something that wants to know where landing is."""

    def reach(self, point: str) -> None:
        """Called with `before:<write>` and `after:<write>`; may never return."""
        ...


class NoFaults:
    """Production: nothing happens."""

    def reach(self, point: str) -> None:
        """Do nothing."""


class RecordedPoints:
    """Remembers the points of a run in order; tells the kill tests how many there are."""

    def __init__(self) -> None:
        self.points: list[str] = []

    def reach(self, point: str) -> None:
        """Remember the point."""
        self.points.append(point)
