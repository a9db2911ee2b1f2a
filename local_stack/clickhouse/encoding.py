"""HTTP content encodings in both directions, and the framing inside them."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import lz4.frame
import zstandard

from local_stack.clickhouse import framing
from local_stack.clickhouse.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, ServerError

# Fastest first: on a loopback the time to compress is what counts.
_PREFERRED = ("lz4", "zstd", "gzip", "deflate")
_PIECE = 1 << 20
# One byte of zstd can become 32 KiB: what one call can make stays under 32 MiB.
_ZSTD_STEP = 1024


def choose(accepted: str) -> str:
    """Return the content encoding to answer with, for an Accept-Encoding header."""
    names = {
        part.partition(";")[0].strip().lower()
        for part in accepted.split(",")
        if part.replace(" ", "").lower().rpartition(";q=")[2] not in ("0", "0.0")
    }
    return next((name for name in _PREFERRED if name in names), "")


class Encoder:
    """Encodes a response: block framing first where asked for, then the content encoding."""

    def __init__(self, content_encoding: str, framed: bool) -> None:
        self._framed = framed
        self._compress, self._finish = _compressor(content_encoding)

    def feed(self, data: bytes) -> bytes:
        """Encode a piece; what comes out can be sent."""
        return self._compress(framing.pack(data) if self._framed else data)

    def finish(self) -> bytes:
        """Return what ends the encoded body."""
        return self._finish()


def _compressor(name: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    if name == "lz4":
        lz4_frame = lz4.frame.LZ4FrameCompressor(block_linked=False)
        begun = [lz4_frame.begin()]
        return (
            lambda data: (begun.pop() if begun else b"") + lz4_frame.compress(data),
            lambda: (begun.pop() if begun else b"") + lz4_frame.flush(),
        )
    if name == "zstd":
        zstd_frame = zstandard.ZstdCompressor(level=1).compressobj()
        return zstd_frame.compress, zstd_frame.flush
    if name in ("gzip", "deflate"):
        deflate = zlib.compressobj(3, zlib.DEFLATED, 31 if name == "gzip" else 15)
        return deflate.compress, deflate.flush
    return lambda data: data, lambda: b""


class Decoder:
    """Decodes a request body as it arrives, in pieces of bounded size."""

    def __init__(self, content_encoding: str, framed: bool) -> None:
        self._decompress = _decompressor(content_encoding.strip().lower())
        self._unpacker = framing.Unpacker() if framed else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield decoded pieces.

        Raises:
            ServerError: The bytes are not what the headers say.
        """
        try:
            for piece in self._decompress(data):
                if self._unpacker is None:
                    yield piece
                else:
                    yield from self._unpacker.feed(piece)
        except (framing.FramingError, zlib.error, zstandard.ZstdError, RuntimeError) as error:
            raise ServerError(CANNOT_DECOMPRESS, f"Cannot decompress the body: {error}") from error

    def finish(self) -> None:
        """Check that the body did not end within a block."""
        if self._unpacker is not None:
            try:
                self._unpacker.finish()
            except framing.FramingError as error:
                raise ServerError(CANNOT_DECOMPRESS, str(error)) from error


def _decompressor(name: str) -> Callable[[bytes], Iterator[bytes]]:
    if name in ("", "identity"):
        return lambda data: iter((data,))
    if name in ("gzip", "x-gzip", "deflate"):
        return _inflate(name)
    if name == "lz4":
        return _lz4_frames(lz4.frame.LZ4FrameDecompressor)
    if name == "zstd":
        return _zstd_frames()
    raise ServerError(NOT_IMPLEMENTED, f"Content-Encoding {name!r} is not supported")


def _inflate(name: str) -> Callable[[bytes], Iterator[bytes]]:
    inflater = zlib.decompressobj(wbits=15 if name == "deflate" else 31)

    def feed(data: bytes) -> Iterator[bytes]:
        nonlocal inflater
        while data:
            if inflater.eof:
                inflater = zlib.decompressobj(wbits=15 if name == "deflate" else 31)
            yield inflater.decompress(data, _PIECE)
            data = inflater.unconsumed_tail or inflater.unused_data

    return feed


def _lz4_frames(new: Callable[[], Any]) -> Callable[[bytes], Iterator[bytes]]:
    frame = new()

    def feed(data: bytes) -> Iterator[bytes]:
        nonlocal frame
        while data or not (frame.eof or frame.needs_input):
            if frame.eof:
                frame = new()
            yield frame.decompress(data, max_length=_PIECE)
            data = (frame.unused_data or b"") if frame.eof else b""

    return feed


def _zstd_frames() -> Callable[[bytes], Iterator[bytes]]:
    frame = zstandard.ZstdDecompressor().decompressobj()

    def feed(data: bytes) -> Iterator[bytes]:
        nonlocal frame
        # zstandard has no bound per call: small inputs bound what one call can make.
        for at in range(0, len(data), _ZSTD_STEP):
            rest = data[at : at + _ZSTD_STEP]
            while rest:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(rest)
                rest = frame.unused_data

    return feed
