"""Sessions by `session_id`: one handle each, one request at a time, expiring when idle."""

import asyncio
import time
from dataclasses import dataclass, field

from local_stack.clickhouse.engine import MAIN_DATABASE, Engine, Handle
from local_stack.clickhouse.errors import (
    BAD_ARGUMENTS,
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ServerError,
)

DEFAULT_TIMEOUT = 60.0
MAX_TIMEOUT = 3600.0
_TIDYING_SECONDS = 1.0


@dataclass
class Session:
    """A handle that outlives a request."""

    handle: Handle
    timeout: float
    database: str = MAIN_DATABASE
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_only: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    borrowed: set[str] = field(default_factory=set)
    used: float = field(default_factory=time.monotonic)


class Sessions:
    """All sessions; an account sees only its own. Only the event loop's thread uses this."""

    def __init__(self, engine: Engine, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._sessions: dict[tuple[str, str], Session] = {}

    async def take(self, account: str, session_id: str, check: bool, timeout: str) -> Session:
        """Find or open a session and lock it.

        Raises:
            ServerError: It is busy (373), was asked for as known but is not (372), or there are
                too many of them.
        """
        try:
            seconds = float(timeout) if timeout else DEFAULT_TIMEOUT
        except ValueError:
            raise ServerError(BAD_ARGUMENTS, f"Invalid session timeout: '{timeout}'") from None
        if not 0 <= seconds <= MAX_TIMEOUT:
            raise ServerError(
                BAD_ARGUMENTS,
                f"Session timeout '{timeout}' is larger than max_session_timeout: {MAX_TIMEOUT:g}",
            )
        key = (account, session_id)
        session = self._sessions.get(key)
        if session is None:
            if check:
                raise ServerError(SESSION_NOT_FOUND, f"Session {session_id} not found")
            if len(self._sessions) >= self._limit:
                await self.expire(now=time.monotonic())
            if len(self._sessions) >= self._limit:
                raise ServerError(
                    TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many sessions. Maximum: {self._limit}"
                )
            handle = self._engine.handle()
            session = self._sessions[key] = Session(handle, seconds)
        # A client may send its next request before the session is tidied up after the last one.
        try:
            async with asyncio.timeout(_TIDYING_SECONDS):
                await session.lock.acquire()
        except TimeoutError:
            raise ServerError(
                SESSION_IS_LOCKED, f"Session {session_id} is locked by a concurrent client"
            ) from None
        session.timeout = seconds
        return session

    def give_back(self, session: Session) -> None:
        """Unlock a session."""
        session.used = time.monotonic()
        session.lock.release()

    async def expire(self, now: float) -> None:
        """Close sessions that were idle for longer than their timeout."""
        for key, session in list(self._sessions.items()):
            if not session.lock.locked() and now - session.used > session.timeout:
                del self._sessions[key]
                await asyncio.to_thread(session.handle.close)

    def close(self) -> None:
        """Close all of them."""
        for session in self._sessions.values():
            session.handle.close()
        self._sessions.clear()
