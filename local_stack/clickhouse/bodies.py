"""Reads a request body: decoded, bounded, and only as far as needed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from local_stack.clickhouse.encoding import Decoder
from local_stack.clickhouse.errors import QUERY_IS_TOO_LARGE, ServerError

Receive = Callable[[], Awaitable[Any]]

_BATCH = 1 << 20


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Body:
    """The body of one request."""

    def __init__(self, receive: Receive, decoder: Decoder) -> None:
        self._receive = receive
        self._decoder = decoder
        self._more = True
        self.ended = False

    async def read_up_to(self, size: int) -> bytes:
        """Return decoded bytes: all of the body, or the first `size` and somewhat more."""
        found = bytearray()
        while not self.ended and len(found) <= size:
            for piece in await self.read_batch():
                found += piece
        return bytes(found)

    async def read_all(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            ServerError: It is larger than `limit`.
        """
        found = await self.read_up_to(limit)
        if len(found) > limit:
            raise ServerError(QUERY_IS_TOO_LARGE, f"The body is larger than {limit} bytes")
        return found

    async def read_batch(self) -> list[bytes]:
        """Return the decoded pieces of about 1 MiB of body as received; [] and `ended` at the end.

        Raises:
            ClientGone: The client went away.
            ServerError: The body is not what its headers say.
        """
        raw = bytearray()
        while self._more and len(raw) < _BATCH:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            raw += message.get("body", b"")
            self._more = message.get("more_body", False)
        self.ended = not self._more
        pieces = (
            list(self._decoder.feed(bytes(raw))) if len(raw) < 65536 else await self._decode(raw)
        )
        if self.ended:
            self._decoder.finish()
        return pieces

    async def _decode(self, raw: bytearray) -> list[bytes]:
        return await asyncio.to_thread(lambda: list(self._decoder.feed(bytes(raw))))
