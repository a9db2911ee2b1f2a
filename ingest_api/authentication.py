"""Whose request it is: by the key in a header or in the body, or by the app a touch names."""

import asyncio
from collections.abc import Callable

from ingest_api.keys import KeyRefresher, KeyRing, Sender
from ingest_api.requests import Request
from ingest_api.senders import key_in_authorization
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused
from unmogrowp.contracts.write_keys import WriteKey

# How long a request with an unknown key waits for PostgreSQL to say so.
REFRESH_SECONDS = 3.0
_MOST_KEPT = 10_000
# A key in base64; beyond it only passwords grow, and one key has any number of these.
_LONGEST_KEPT = 400


class UnknownSender(RequestRefused):
    """No such key or app in the snapshot; it may be a second old (`Authenticator.ask_again`)."""


class Authenticator:
    """Finds senders, and remembers by which header they were found."""

    def __init__(self, ring: KeyRing, refresher: KeyRefresher | None) -> None:
        self._ring = ring
        self._refresher = refresher
        self._by_header: dict[bytes, tuple[Sender, WriteKey]] = {}
        self._keys: dict[str, WriteKey] = {}
        self._version = -1

    @property
    def is_loaded(self) -> bool:
        """Say whether any snapshot was ever read."""
        return self._ring.is_loaded

    def by_header(self, request: Request) -> None:
        """Set the sender where a header names a key; without one the body is asked later.

        Raises:
            UnknownSender: The key is not in the snapshot.
        """
        authorization = request.authorization
        if authorization is None:
            return
        if self._version != self._ring.version:
            self._by_header.clear()
            self._version = self._ring.version
        known = self._by_header.get(authorization)
        if known is None:
            write_key = key_in_authorization(authorization)
            if not write_key:
                return
            known = self.by_key(request, write_key)
            if len(authorization) <= _LONGEST_KEPT:
                if len(self._by_header) >= _MOST_KEPT:
                    self._by_header.clear()
                self._by_header[authorization] = known
        request.sender, request.key = known

    def by_key(self, request: Request, write_key: str) -> tuple[Sender, WriteKey]:
        """Set the sender a key belongs to, and the key; return both.

        Raises:
            UnknownSender: The key is not in the snapshot.
        """
        if not write_key:
            raise RequestRefused(RejectionCode.AUTH_MISSING_KEY, "no write key")
        sender = self._ring.of_key(write_key)
        if sender is None:
            raise UnknownSender(RejectionCode.AUTH_UNKNOWN_KEY, "unknown or revoked write key")
        key = self._keys.get(write_key)
        if key is None:
            if len(self._keys) >= _MOST_KEPT:
                self._keys.clear()
            key = self._keys[write_key] = WriteKey(write_key)
        request.sender, request.key = sender, key
        return sender, key

    def by_app_if_known(self, request: Request, app_id: str) -> None:
        """Set the app as sender if it is known; what the body says counts all the same."""
        request.sender = self._ring.of_app(app_id)

    def by_app(self, request: Request, app_id: str) -> Sender:
        """Set the app a touch names as its sender, and return it.

        Raises:
            UnknownSender: The app is not in the snapshot.
        """
        # Set even where there is none: the app of the query is not the sender of this touch.
        sender = request.sender = self._ring.of_app(app_id)
        if sender is None:
            raise UnknownSender(RejectionCode.AUTH_UNKNOWN_APP, "unknown or disabled app")
        return sender

    def ask_again(self, request: Request, retry: Callable[[Request], None]) -> bool:
        """Have PostgreSQL asked once more, then call `retry`; False where that is pointless."""
        if request.has_asked or self._refresher is None:
            return False
        request.has_asked = True
        loop = asyncio.get_running_loop()
        is_over = False

        def go_on() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                timer.cancel()
                retry(request)

        def wake() -> None:
            loop.call_soon_threadsafe(go_on)

        timer = loop.call_later(REFRESH_SECONDS, go_on)
        if not self._refresher.refresh_soon(wake):
            timer.cancel()
            return False
        return True
