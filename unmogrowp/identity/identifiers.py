"""Kinds of identifiers, and what makes a text one of them.

Two kinds of kinds: those that name a device *join* (two device keys that share one are the same
device), those that name a person only *attach* (a family shares a tablet, a person has two
phones: a user id never makes one device of two).

The engine reads identifiers out of clean.events by `queries/identity/read_links.sql`; this module
is the same rule for one text, for whoever asks for an identifier by hand. Tests hold the two
together.
"""

import hashlib
import re
from enum import StrEnum


class IdentifierKind(StrEnum):
    """Every kind, the joining ones in the order of `naming_rank`."""

    IDFV = "idfv"
    ANDROID_ID = "android_id"
    DEVICE_ID = "device_id"
    IDFA = "idfa"
    GAID = "gaid"
    ANONYMOUS_ID = "anonymous_id"
    OAID = "oaid"
    AMAZON_ID = "amazon_id"
    INSTALL_ID = "install_id"
    USER_ID = "user_id"
    HASHED_EMAIL = "hashed_email"

    @property
    def joins(self) -> bool:
        """Return whether two device keys that share such an identifier are one device."""
        return self not in ATTACHING

    @property
    def naming_rank(self) -> int:
        """Return the place of the kind among identifiers first received at one instant.

        The order in which an event chooses its device key: device id, advertising id, anonymous
        id; then what is never a device key.
        """
        return _NAMING_RANK[self]


ATTACHING = frozenset({IdentifierKind.USER_ID, IdentifierKind.HASHED_EMAIL})

_NAMING_RANK = {
    IdentifierKind.IDFV: 1,
    IdentifierKind.ANDROID_ID: 1,
    IdentifierKind.DEVICE_ID: 1,
    IdentifierKind.IDFA: 2,
    IdentifierKind.GAID: 2,
    IdentifierKind.ANONYMOUS_ID: 3,
    IdentifierKind.OAID: 4,
    IdentifierKind.AMAZON_ID: 4,
    IdentifierKind.INSTALL_ID: 4,
    IdentifierKind.USER_ID: 5,
    IdentifierKind.HASHED_EMAIL: 5,
}

# The Android id that a whole generation of emulators and one faulty firmware share.
EMULATOR_ANDROID_ID = "9774d56d682e549c"
SAYS_NOTHING = frozenset({"null", "none", "nil", "undefined", "unknown"})
LONGEST_FREE_ID = 256

_DEVICE = re.compile(r"[0-9a-z._:-]{1,128}")
_ADVERTISING = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Blanks are named one by one: engines disagree on what else is white space.
_ADDRESS = re.compile(r"[^@ \t\n\r\f]+@[^@ \t\n\r\f]+\.[^@ \t\n\r\f]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ZEROS = "0:._-"
_DEVICE_KINDS = frozenset(
    {
        IdentifierKind.IDFV,
        IdentifierKind.ANDROID_ID,
        IdentifierKind.DEVICE_ID,
        IdentifierKind.OAID,
        IdentifierKind.INSTALL_ID,
    }
)
_ADVERTISING_KINDS = frozenset({IdentifierKind.IDFA, IdentifierKind.GAID, IdentifierKind.AMAZON_ID})


def normalise(kind: IdentifierKind, text: str) -> str:
    """Return the form in which an identifier is compared, '' for one that never matches.

    Device and advertising ids are trimmed and lower-cased; blank, all-zero and malformed ones
    are ''. Anonymous and user ids keep their case, for it distinguishes them. An e-mail address
    comes out as its hash and in no other way: as a user id it is '', see `typed`.
    """
    text = text.strip(" ")
    if kind in _DEVICE_KINDS:
        lowered = _lower(text)
        is_one = _DEVICE.fullmatch(lowered) and lowered != EMULATOR_ANDROID_ID
        return lowered if is_one and _says_something(lowered) else ""
    if kind in _ADVERTISING_KINDS:
        lowered = _lower(text)
        return lowered if _ADVERTISING.fullmatch(lowered) and _says_something(lowered) else ""
    if kind is IdentifierKind.HASHED_EMAIL:
        lowered = _lower(text)
        if _SHA256.fullmatch(lowered):
            return lowered
        return hash_email(lowered) if _ADDRESS.fullmatch(lowered) else ""
    is_one = len(text.encode()) <= LONGEST_FREE_ID and not _ADDRESS.fullmatch(text)
    return text if is_one and _says_something(text) else ""


def typed(kind: IdentifierKind, text: str) -> tuple[IdentifierKind, str]:
    """Return kind and normal form; a user id that is an e-mail address is kept as its hash."""
    if kind is IdentifierKind.USER_ID and _ADDRESS.fullmatch(text.strip(" ")):
        kind = IdentifierKind.HASHED_EMAIL
    return kind, normalise(kind, text)


def hash_email(address: str) -> str:
    """Return the SHA-256 of an address, trimmed and lower-cased, in lower-case hexadecimal."""
    return hashlib.sha256(_lower(address.strip(" ")).encode()).hexdigest()


def _says_something(text: str) -> bool:
    return text.strip(_ZEROS) != "" and _lower(text) not in SAYS_NOTHING


def _lower(text: str) -> str:
    """Lower the letters A to Z, as the engine does; other alphabets have no ids."""
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)
