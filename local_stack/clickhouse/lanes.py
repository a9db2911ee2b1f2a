"""Bounded concurrency: how many statements run, how many may wait, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local_stack.clickhouse.errors import TOO_MANY_SIMULTANEOUS_QUERIES, ServerError


class Lane:
    """A number of places, and a bounded queue in front of them."""

    def __init__(self, name: str, places: int, waiting: int, wait_seconds: float) -> None:
        self._name = name
        self._places = asyncio.Semaphore(places)
        self._size = places
        self._waiting = 0
        self._max_waiting = waiting
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            ServerError: Too many wait already, or none became free in time.
        """
        if self._places.locked() and self._waiting >= self._max_waiting:
            raise self._refusal()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise self._refusal() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    def _refusal(self) -> ServerError:
        return ServerError(
            TOO_MANY_SIMULTANEOUS_QUERIES,
            f"Too many simultaneous {self._name}. Maximum: {self._size}",
        )
