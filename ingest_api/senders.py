"""Where a request came from: the key it shows, and the address behind it."""

import binascii
from base64 import b64decode
from collections.abc import Collection
from typing import Any

from unmogrowp.contracts.addresses import minimise

_CACHE_SIZE = 20_000


def key_in_authorization(header: bytes) -> str:
    """Return the write key of `Authorization: Basic base64(writeKey:)`, or ''.

    A missing colon is tolerated. A Bearer token is no write key: those requests name it in their
    body.
    """
    scheme, _, credentials = header.partition(b" ")
    if scheme.lower() != b"basic":
        return ""
    try:
        decoded = b64decode(credentials.strip() + b"==").decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[0]


def client_address(peer: str, forwarded_for: bytes | None, trusted_proxies: Collection[str]) -> str:
    """Return the address of the sender: the peer, or what trusted proxies say was theirs.

    Read from the right: the last address that is not a trusted proxy is the one the last
    trusted proxy saw itself; anything further left can be invented by the client.
    """
    if forwarded_for is None or peer not in trusted_proxies:
        return peer
    address = peer
    for hop in reversed(forwarded_for.decode("latin-1").split(",")):
        address = hop.strip() or address
        if address not in trusted_proxies:
            break
    return address


class AddressBook:
    """Remembers (network, hash) of addresses per app: hashing each request anew is waste."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], tuple[bytes, bytes]] = {}

    def look_up(self, address: str, secret: bytes) -> tuple[bytes, bytes]:
        """Return network and keyed hash as header values."""
        found = self._known.get((address, secret))
        if found is None:
            prefix, digest = minimise(address, secret)
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            found = self._known[(address, secret)] = (prefix.encode(), digest.encode())
        return found


def peer_of(scope: dict[str, Any]) -> str:
    """Return the address of the connection's other end; '' on a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""
