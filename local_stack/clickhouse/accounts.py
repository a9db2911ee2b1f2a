"""Who may use the server: accounts as salted hashes, compared in constant time.

Passwords never reach this process. The launcher reads them from files, hands over hashes through
a pipe (local_stack/clickhouse/launch.py) and forgets them. The embedded stack generates passwords
of 256 bits, for which a fast keyed hash is the right one: nothing can be guessed, and a slow hash
on every request would be an easy way to keep the server busy.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from unmogrowp.errors import ConfigurationError

Role = Literal["pipeline", "analyst"]


@dataclass(frozen=True)
class Account:
    """One account: what it is called, what it may do, how its password is recognised."""

    name: str
    role: Role
    salt: bytes
    digest: bytes

    def accepts(self, password: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(_digest(password, self.salt), self.digest)


@dataclass(frozen=True)
class Credentials:
    """A name and a password, as a request carries them."""

    user: str
    password: str


class Accounts:
    """All accounts of one server."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts = {account.name: account for account in accounts}
        # Unknown names cost the same time as known ones.
        self._nobody = account_of("", "analyst", secrets.token_hex(32))

    def find(self, credentials: Credentials | None) -> Account | None:
        """Return the account these credentials prove, or None."""
        if credentials is None:
            return None
        known = self._accounts.get(credentials.user)
        accepted = (known or self._nobody).accepts(credentials.password)
        return known if accepted else None

    def names(self) -> list[str]:
        """Return the names of all accounts."""
        return sorted(self._accounts)


def account_of(name: str, role: Role, password: str) -> Account:
    """Make an account from a password, with a fresh salt."""
    salt = secrets.token_bytes(16)
    return Account(name, role, salt, _digest(password, salt))


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.blake2b(password.encode("utf-8", "surrogateescape"), key=salt).digest()


def to_document(accounts: Iterable[Account]) -> bytes:
    """Write accounts the way `from_document` reads them; it holds hashes only."""
    rows = [
        {"name": a.name, "role": a.role, "salt": a.salt.hex(), "digest": a.digest.hex()}
        for a in accounts
    ]
    return json.dumps({"accounts": rows}).encode()


def from_document(document: bytes) -> Accounts:
    """Read what the launcher handed over.

    Raises:
        ConfigurationError: The document is malformed or names no account.
    """
    try:
        found = [_account(row) for row in json.loads(document)["accounts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "the accounts handed over are not readable: expected "
            '{"accounts": [{"name", "role", "salt", "digest"}]}'
        ) from error
    if not found:
        raise ConfigurationError("no account was handed over: nobody could use the server")
    return Accounts(found)


def _account(row: Mapping[str, str]) -> Account:
    role = row["role"]
    for known in get_args(Role):
        if role == known:
            return Account(
                row["name"], known, bytes.fromhex(row["salt"]), bytes.fromhex(row["digest"])
            )
    raise ValueError(f"role {role!r}")


def credentials_of(headers: Mapping[str, str], parameters: Mapping[str, str]) -> Credentials | None:
    """Return what a request carries: headers of ClickHouse, basic, then URL parameters.

    Mixing them is refused by ClickHouse; here the first one counts and the others are ignored,
    which gives nobody more than that one proves.
    """
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return Credentials(
            headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
        )
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, password = text.partition(":")
        return Credentials(user, password)
    if scheme:
        return None
    if "user" in parameters or "password" in parameters:
        return Credentials(parameters.get("user", "default"), parameters.get("password", ""))
    return None
