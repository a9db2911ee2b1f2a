"""Receipts: where the stream put a request, signed, so that only real ones can be asked for."""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from unmogrowp.contracts.topics import Topic

_TOPICS = tuple(Topic)
_PLACE = struct.Struct(">B16sIq")
_SIGNATURE_BYTES = 11


@dataclass(frozen=True, slots=True)
class Receipt:
    """Coordinates of a record; `offset` is -1 where the broker no longer knew it."""

    topic: str
    topic_id: str
    partition: int
    offset: int


def receipt_secret(pepper: bytes) -> bytes:
    """Derive the signing key of receipts from the installation's pepper."""
    return blake2b(pepper, digest_size=32, person=b"unmogrowp-rcpt").digest()


def write_receipt(receipt: Receipt, secret: bytes) -> str:
    """Return the opaque text of a receipt."""
    place = _PLACE.pack(
        _TOPICS.index(Topic(receipt.topic)),
        UUID(receipt.topic_id).bytes,
        receipt.partition,
        receipt.offset,
    )
    return urlsafe_b64encode(place + _sign(place, secret)).rstrip(b"=").decode()


def receipt_writer(secret: bytes) -> Callable[[str, str, int, int], str]:
    """Return `write_receipt` with the constant parts of a topic packed once."""
    heads: dict[tuple[str, str], bytes] = {}
    tail = struct.Struct(">Iq").pack

    def write(topic: str, topic_id: str, partition: int, offset: int) -> str:
        head = heads.get((topic, topic_id))
        if head is None:
            head = bytes([_TOPICS.index(Topic(topic))]) + UUID(topic_id).bytes
            heads[(topic, topic_id)] = head
        place = head + tail(partition, offset)
        signature = blake2b(place, key=secret, digest_size=_SIGNATURE_BYTES).digest()
        return urlsafe_b64encode(place + signature).rstrip(b"=").decode()

    return write


def read_receipt(text: str, secret: bytes) -> Receipt | None:
    """Return the coordinates, or None when the text is no receipt of this installation."""
    try:
        signed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # The last character has unused bits: only the spelling that was written is the receipt.
    if urlsafe_b64encode(signed).rstrip(b"=").decode() != text:
        return None
    place, signature = signed[: _PLACE.size], signed[_PLACE.size :]
    if len(place) < _PLACE.size or not hmac.compare_digest(signature, _sign(place, secret)):
        return None
    number, topic_id, partition, offset = _PLACE.unpack(place)
    return Receipt(str(_TOPICS[number]), str(UUID(bytes=topic_id)), partition, offset)


def _sign(place: bytes, secret: bytes) -> bytes:
    return blake2b(place, key=secret, digest_size=_SIGNATURE_BYTES).digest()
