"""One lock for everything that writes raw, clean and mart tables: landing, rebuild, retention.

A PostgreSQL advisory lock belongs to a session: it ends with the process that holds it, however
that ends, so no stale lock is ever cleaned up by hand. The same session can also vanish under a
living holder (PostgreSQL restarted); `verify` finds out before the next write.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from unmogrowp.control.database import build_engine
from unmogrowp.errors import ControlUnavailable

# Arbitrary numbers that only this project uses: "unmogrow" as bytes, and which lock of ours.
_LOCK_CLASS = 0x756E6D6F
_PIPELINE = 1
_POLL_S = 0.2


class HeldLock:
    """Proof that the lock is held, as long as `verify` does not raise."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def verify(self) -> None:
        """Check that the session which holds the lock still lives.

        Raises:
            ControlUnavailable: It does not; somebody else may hold the lock now.
        """
        try:
            held = self._connection.execute(
                text(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND classid = :class AND objid = :lock AND pid = pg_backend_pid()"
                ),
                {"class": _LOCK_CLASS, "lock": _PIPELINE},
            ).scalar()
        except SQLAlchemyError as error:
            raise ControlUnavailable("the pipeline lock was lost with its session") from error
        if not held:
            raise ControlUnavailable("the pipeline lock is not held any more")


@contextmanager
def pipeline_lock(url: str, password: str = "", *, wait_s: float = 60.0) -> Iterator[HeldLock]:
    """Hold the pipeline lock; wait for it at most `wait_s`.

    Raises:
        ControlUnavailable: PostgreSQL cannot be reached, or somebody else keeps the lock.
    """
    engine = build_engine(url, password)
    try:
        try:
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            raise ControlUnavailable("PostgreSQL cannot be reached for the lock") from error
        with connection:
            _acquire(connection, wait_s)
            yield HeldLock(connection)
            # Closing the session releases the lock; it must not go back to a pool with it.
            connection.invalidate()
    finally:
        engine.dispose()


def _acquire(connection: Connection, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            taken = connection.execute(
                text("SELECT pg_try_advisory_lock(:class, :lock)"),
                {"class": _LOCK_CLASS, "lock": _PIPELINE},
            ).scalar()
        except DBAPIError as error:
            raise ControlUnavailable("PostgreSQL went away while waiting for the lock") from error
        if taken:
            return
        if time.monotonic() > deadline:
            raise ControlUnavailable(
                f"another landing, rebuild or retention run held the lock for {wait_s:.0f} s"
            )
        time.sleep(_POLL_S)
