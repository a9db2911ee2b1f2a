"""Request bodies: read up to a limit, unpacked up to a limit."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from isal import igzip_lib, isal_zlib

from unmogrowp.contracts.rejections import RejectionCode, RequestRefused

Receive = Callable[[], Awaitable[dict[str, Any]]]
_GZIP_MAGIC = b"\x1f\x8b"
# The stubs of isal call it an instance.
_BROKEN: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
# Half of a character beyond the basic plane, written as an escape: JavaScript makes it when a
# text is cut. It is JSON by the letter, but no text at all, and strict readers refuse it.
_LONE_SURROGATE = re.compile(
    rb"(\\\\)|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(
    receive: Receive, max_bytes: int, on_size: Callable[[int], bool]
) -> tuple[bytes, bool]:
    """Return the body and whether it went on beyond `max_bytes`, where reading stopped.

    `on_size` is told the size so far of a body that arrives in pieces; reading ends where it
    says no.

    Raises:
        ClientLeft: There is nobody to answer.
    """
    message = await receive()
    if message["type"] != "http.request":
        raise ClientLeft
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return (body, False) if len(body) <= max_bytes else (body[:max_bytes], True)
    chunks = [body]
    size = len(body)
    while size <= max_bytes:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientLeft
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if not on_size(min(size, max_bytes)) or not message.get("more_body", False):
            break
    whole = b"".join(chunks)
    return (whole, False) if size <= max_bytes else (whole[:max_bytes], True)


def unpack(wire: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the body without its Content-Encoding; never holds more than `max_bytes` + 1.

    A body that begins as gzip does is unpacked although no header says so: some SDKs forget it,
    and no JSON begins like that.

    Raises:
        RequestRefused: Broken, too large, or an encoding we do not read.
    """
    encoding = encoding.strip().lower()
    if encoding in _PLAIN and not wire.startswith(_GZIP_MAGIC):
        if len(wire) > max_bytes:
            raise _too_large(max_bytes)
        return wire
    if encoding not in _PLAIN and encoding not in _PACKED:
        raise RequestRefused(
            RejectionCode.PARSE_ENCODING, "Content-Encoding must be gzip, deflate or identity"
        )
    parts: list[bytes] = []
    size = 0
    rest = wire
    while rest:
        unpacker = isal_zlib.decompressobj(wbits=47)  # gzip or zlib, whichever it is
        try:
            part = unpacker.decompress(rest, max_bytes + 1 - size)
        except _BROKEN as error:
            raise RequestRefused(RejectionCode.PARSE_GZIP, "the packed body is broken") from error
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not unpacker.eof:
            raise RequestRefused(RejectionCode.PARSE_GZIP, "the packed body ends too early")
        rest = unpacker.unused_data.lstrip(b"\0")  # another member, or padding
    return parts[0] if len(parts) == 1 else b"".join(parts)


def mend_surrogates(body: bytes) -> bytes:
    """Return the body with lone surrogate escapes replaced by U+FFFD; of the same length."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _LONE_SURROGATE.sub(lambda m: b"\\ufffd" if m[2] else m[0], body)


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused(RejectionCode.SIZE_BODY, f"more than {max_bytes} bytes unpacked")
