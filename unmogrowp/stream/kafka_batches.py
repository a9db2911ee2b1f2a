"""Record batches of Kafka's format 2, built cheaply: one future per batch, not one per record.

kafka-python encodes each record by a call per byte of every length, and keeps a future with a
lock for each: about 50 µs of CPU. Here a record is a handful of joined byte strings and the batch
has the one future; connections, retries, sequences and leaders stay kafka-python's
(docs/adr/0034). The classes satisfy what its accumulator and sender ask of a batch.
"""

import struct
import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

import lz4.frame
import zstandard
from crc32c import crc32c
from kafka.producer.producer_batch import ProducerBatch
from kafka.structs import TopicPartition

from unmogrowp.errors import SinkUnavailable
from unmogrowp.stream.port import Headers, OnDone, Placement

Compress = Callable[[bytes], bytes]

# base offset, length, leader epoch, magic, crc
_OUTER = struct.Struct(">qiibI")
# attributes, last offset, first and last timestamp, producer id and epoch, sequence, count
_INNER = struct.Struct(">hiqqqhii")
_HEADER_BYTES = _OUTER.size + _INNER.size
_BYTES_BEFORE_LENGTH_COUNTS = 12
_FORMAT = 2
# What a record takes beside its value, at least; its headers are counted when it is added.
_RECORD_OVERHEAD = 64


def _varint(number: int) -> bytes:
    """Return a number in zigzag form, seven bits a byte, least first."""
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(0x80 | (rest & 0x7F))
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


_SMALL = 4_096
_VARINTS = [_varint(number) for number in range(_SMALL)]
_NAMES: dict[str, bytes] = {}


def _name(text: str) -> bytes:
    encoded = text.encode()
    found = _NAMES[text] = _varint(len(encoded)) + encoded
    return found


def codec(name: str) -> tuple[int, Compress | None]:
    """Return Kafka's number of a compression and its function; None compresses nothing."""
    if name == "lz4":
        # Brokers refuse blocks that refer to each other.
        # The level takes 40 % of the CPU off for 3 % more bytes.
        return 3, partial(lz4.frame.compress, block_linked=False, compression_level=-4)
    if name == "zstd":
        # A compressor is for one thread; each batch is closed by whichever thread drains it.
        return 4, lambda payload: zstandard.ZstdCompressor(level=1).compress(payload)
    return 0, None


class Records:
    """The records of one batch, open until `close`; sizes are in bytes, before compression.

    Some threads add while another closes. The lock is not held for compressing: adding happens on
    an event loop, which must not wait for that.
    """

    __slots__ = (
        "_buffer", "_codec", "_compress", "_first_ms", "_is_open", "_last_ms", "_lock",
        "_max_bytes", "_parts", "_size", "base_sequence", "count", "producer_epoch",
        "producer_id", "waiting",
    )  # fmt: skip

    def __init__(self, max_bytes: int, codec_number: int, compress: Compress | None) -> None:
        self._max_bytes = max_bytes
        self._codec = codec_number
        self._compress = compress
        self._parts: list[bytes] = []
        self._size = _HEADER_BYTES
        self._first_ms = 0
        self._last_ms = 0
        self._buffer: bytes | None = None
        self._is_open = True
        self._lock = Lock()
        self.count = 0
        self.waiting: list[OnDone] = []
        self.producer_id = -1
        self.producer_epoch = -1
        self.base_sequence = -1

    def add(
        self, now_ms: int, key: bytes | None, value: bytes, headers: Headers, on_done: OnDone
    ) -> bool:
        """Add a record; False where the batch is closed or full. The first always has room."""
        with self._lock:
            if not self._is_open:
                return False
            count = self.count
            if not count:
                self._first_ms = self._last_ms = now_ms
            elif self._size + len(value) + _RECORD_OVERHEAD > self._max_bytes:
                return False
            elif now_ms > self._last_ms:
                self._last_ms = now_ms
            self._encode(now_ms - self._first_ms, count, key, value, headers)
            self.waiting.append(on_done)
            self.count = count + 1
        return True

    def _encode(
        self, delta_ms: int, number: int, key: bytes | None, value: bytes, headers: Headers
    ) -> None:
        varints = _VARINTS
        head = [
            b"\0",  # attributes: none are defined
            varints[delta_ms] if 0 <= delta_ms < _SMALL else _varint(delta_ms),
            varints[number] if number < _SMALL else _varint(number),
        ]
        if key is None:
            head.append(b"\x01")  # -1
        else:
            length = len(key)
            head += (varints[length] if length < _SMALL else _varint(length), key)
        length = len(value)
        head.append(varints[length] if length < _SMALL else _varint(length))
        tail = [_varint(len(headers))]
        for name, content in headers:
            length = len(content)
            tail += (
                _NAMES.get(name) or _name(name),
                varints[length] if length < _SMALL else _varint(length),
                content,
            )
        before, after = b"".join(head), b"".join(tail)
        length = len(before) + len(value) + len(after)
        # The value is not copied before the batch is closed.
        self._parts += (
            varints[length] if length < _SMALL else _varint(length),
            before,
            value,
            after,
        )
        self._size += length + 5

    def set_producer_state(
        self, producer_id: int, producer_epoch: int, base_sequence: int, is_transactional: bool
    ) -> None:
        """Note who sends the batch: what makes a repeated delivery one."""
        del is_transactional  # the collector has no transactions
        self._seal()  # the next batch's sequence follows from the number of records here
        self.producer_id = producer_id
        self.producer_epoch = producer_epoch
        self.base_sequence = base_sequence

    def close(self) -> None:
        """Compress and frame the batch, once: a batch that is tried again stays as it is."""
        self._seal()
        if self._buffer is not None:
            return
        payload = b"".join(self._parts)
        attributes = 0
        if self._compress is not None:
            packed = self._compress(payload)
            if len(packed) < len(payload):
                payload, attributes = packed, self._codec
        inner = _INNER.pack(
            attributes,
            self.count - 1,
            self._first_ms,
            self._last_ms,
            self.producer_id,
            self.producer_epoch,
            self.base_sequence,
            self.count,
        )
        length = _HEADER_BYTES - _BYTES_BEFORE_LENGTH_COUNTS + len(payload)
        crc = crc32c(payload, crc32c(inner))
        self._buffer = b"".join((_OUTER.pack(0, length, 0, _FORMAT, crc), inner, payload))
        self._parts = []

    def _seal(self) -> None:
        with self._lock:
            self._is_open = False

    def buffer(self) -> bytes:
        """Return the closed batch as it goes over the wire."""
        self.close()
        return self._buffer or b""

    def size_in_bytes(self) -> int:
        """Return the size as it is now."""
        return self._size if self._buffer is None else len(self._buffer)

    def is_full(self) -> bool:
        """Say whether nothing more may be added."""
        return not self._is_open or self._size >= self._max_bytes

    def next_offset(self) -> int:
        """Return the number of records: kafka-python's word for it."""
        return self.count


class Flight:
    """How many records one producer was given and how many of them have an outcome.

    Counted without a lock: each number has one writer, and only whether they differ matters.
    """

    __slots__ = ("sent", "settled", "settled_at")

    def __init__(self) -> None:
        self.sent = 0
        self.settled = 0
        self.settled_at = time.monotonic()


class Batch(ProducerBatch):  # type: ignore[misc]
    """A batch in kafka-python's hands, with one `on_done` per record."""

    def __init__(
        self,
        partition: TopicPartition,
        records: Records,
        now_s: float,
        flight: Flight,
        topic_id_of: Callable[[str], str],
    ) -> None:
        super().__init__(partition, records, now=now_s)
        self._flight = flight
        self._topic_id_of = topic_id_of
        self.produce_future._add_cb_eb(self._settle, self._fail)

    @property
    def _record_futures(self) -> list["_Moved"]:
        """What kafka-python binds anew when it splits a batch that is too large for the broker."""
        return [_Moved(one, self._flight, self._topic_id_of) for one in self.records.waiting]

    @_record_futures.setter
    def _record_futures(self, value: list[Any]) -> None:
        del value  # the base class begins with an empty list

    def _settle(self, result: tuple[int, int, Callable[[int], Exception] | None]) -> None:
        base_offset, _, error_of = result
        self._flight.settled += len(self.records.waiting)
        if error_of is not None:
            for index, on_done in enumerate(self.records.waiting):
                on_done(None, _translated(self.topic_partition.topic, error_of(index)))
            return
        self._flight.settled_at = time.monotonic()
        topic, partition = self.topic_partition
        topic_id = self._topic_id_of(topic)
        if base_offset < 0:  # the broker knew the batch, and no longer its offset
            for on_done in self.records.waiting:
                on_done(Placement(topic, topic_id, partition, -1), None)
            return
        for offset, on_done in enumerate(self.records.waiting, base_offset):
            on_done(Placement(topic, topic_id, partition, offset), None)

    def _fail(self, error: Exception) -> None:
        self._flight.settled += len(self.records.waiting)
        for on_done in self.records.waiting:
            on_done(None, _translated(self.topic_partition.topic, error))


class _Moved:
    """A record that goes on in another batch, after its own was split."""

    def __init__(self, on_done: OnDone, flight: Flight, topic_id_of: Callable[[str], str]) -> None:
        self._on_done = on_done
        self._flight = flight
        self._topic_id_of = topic_id_of

    def rebind(self, future: Any, index: int) -> None:
        """Wait for another batch, as its record number `index`."""
        topic, partition = future.topic_partition

        def settle(result: tuple[int, int, Callable[[int], Exception] | None]) -> None:
            base_offset, _, error_of = result
            self._flight.settled += 1
            if error_of is not None:
                self._on_done(None, _translated(topic, error_of(index)))
                return
            offset = base_offset + index if base_offset >= 0 else -1
            self._on_done(Placement(topic, self._topic_id_of(topic), partition, offset), None)

        def fail(error: Exception) -> None:
            self._flight.settled += 1
            self._on_done(None, _translated(topic, error))

        future._add_cb_eb(settle, fail)


def _translated(topic: str, error: Exception) -> SinkUnavailable:
    return SinkUnavailable(f"{topic}: {type(error).__name__}: {error}")
