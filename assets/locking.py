"""The lock that landing, rebuilds, publishes and retention share, inside Dagster or out."""

from contextlib import AbstractContextManager
from typing import Protocol


class Held(Protocol):
    """Proof that the lock is held."""

    def verify(self) -> None:
        """Raise when the session that holds the lock is gone."""
        ...


class PipelineLock(Protocol):
    """Held while tables are written; pools order runs, this orders processes."""

    def held(self, purpose: str) -> AbstractContextManager[Held]:
        """Wait for the lock and hold it for the block; `purpose` is what a waiting one sees."""
        ...
