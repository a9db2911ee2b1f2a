"""ClickHouse's own block framing, which the JDBC driver uses by default (`compress=1`).

A block is CityHash128 of what follows it (high half first), one byte for the method, the size of
the compressed part with its 9 bytes of header, the size of the raw part, the compressed bytes.
"""

import struct
from collections.abc import Iterator

import lz4.block
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

_LZ4 = 0x82
_ZSTD = 0x90
_NONE = 0x02
_CHECKSUM = struct.Struct("<QQ")
_HEADER = struct.Struct("<BII")
_RAW_BLOCK = 1 << 20
_MAX_BLOCK = 1 << 30


class FramingError(ValueError):
    """The bytes are no sequence of valid blocks."""


def pack(raw: bytes) -> bytes:
    """Return `raw` as blocks of at most 1 MiB, compressed with LZ4."""
    return b"".join(_pack_block(raw[at : at + _RAW_BLOCK]) for at in range(0, len(raw), _RAW_BLOCK))


def _pack_block(raw: bytes) -> bytes:
    packed: bytes = lz4.block.compress(raw, store_size=False)
    body: bytes = _HEADER.pack(_LZ4, len(packed) + _HEADER.size, len(raw)) + packed
    return _checksum(body) + body


def _checksum(body: bytes) -> bytes:
    number: int = CityHash128(body)
    checksum: bytes = _CHECKSUM.pack(number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF)
    return checksum


class Unpacker:
    """Takes framed bytes as they arrive and gives back the raw ones."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the raw bytes of every block that is now complete.

        Raises:
            FramingError: A checksum, a method or a size is not valid.
        """
        self._pending += data
        start = _CHECKSUM.size
        while len(self._pending) >= start + _HEADER.size:
            method, packed_size, raw_size = _HEADER.unpack_from(self._pending, start)
            if not _HEADER.size <= packed_size <= _MAX_BLOCK or raw_size > _MAX_BLOCK:
                raise FramingError("a block has an impossible size")
            end = start + packed_size
            if len(self._pending) < end:
                return
            body = bytes(self._pending[start:end])
            if self._pending[:start] != _checksum(body):
                raise FramingError("the checksum of a block does not match its bytes")
            del self._pending[:end]
            yield _unpack_body(method, body[_HEADER.size :], raw_size)

    def finish(self) -> None:
        """Check that nothing is left over.

        Raises:
            FramingError: The bytes ended within a block.
        """
        if self._pending:
            raise FramingError("the data ends within a block")


def _unpack_body(method: int, packed: bytes, raw_size: int) -> bytes:
    try:
        if method == _LZ4:
            raw = lz4.block.decompress(packed, uncompressed_size=raw_size)
        elif method == _ZSTD:
            raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=raw_size)
        elif method == _NONE:
            raw = packed
        else:
            raise FramingError(f"block method {method:#x} is not known")
    except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
        raise FramingError(f"a block cannot be decompressed: {error}") from error
    if len(raw) != raw_size:
        raise FramingError("a block is not as long as it says")
    return bytes(raw)
