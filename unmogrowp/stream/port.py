"""What the collector and landing may ask of a stream, whichever one it is.

Two implementations pass the same contract tests: `memory.py` for tests in milliseconds and
Kafka (`kafka_producer.py`, `kafka_reader.py`) everywhere else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

Headers = Sequence[tuple[str, bytes]]


class Placement(msgspec.Struct, frozen=True, gc=False):
    """Where the stream put a record: `offset` counts from 0 within (`topic_id`, partition).

    A struct, because one is made for every record: a frozen dataclass takes five times as long.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int


OnDone = Callable[[Placement | None, Exception | None], None]


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record as read back; `timestamp_ms` is the broker's or producer's clock."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class PartitionSpan:
    """The readable offsets `[begin, end)` of one partition of the topic that is called so now."""

    topic: str
    topic_id: str
    partition: int
    begin: int
    end: int


class StreamProducer(Protocol):
    """Sends records. Never blocks the caller; bounds nothing by itself: the caller counts bytes."""

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: Headers,
        on_done: OnDone,
        *,
        waits_for_push: bool = False,
    ) -> None:
        """Queue one record; it leaves at once, or at the latest with the next `push`.

        `on_done` is called exactly once, on any thread, with the placement once all in-sync
        replicas have the record, or with a `SinkUnavailable` when that is not known to be so
        (the record may still arrive: the outcome is unknown, not refused).

        Raises:
            SinkUnavailable: The record was not queued; `on_done` is not called.
        """
        ...

    def push(self) -> None:
        """Set on its way what waits: once for many records, since waking the sender costs."""
        ...

    def is_ready(self) -> bool:
        """Say whether the stream was reached and nothing is known that would refuse a record."""
        ...

    def max_record_bytes(self, topic: str) -> int:
        """Return the largest record the topic takes at present."""
        ...

    def flush(self, timeout_s: float) -> None:
        """Wait until nothing is in flight or the time is over."""
        ...

    def close(self, timeout_s: float) -> None:
        """Flush, then let go of threads and sockets; never raises for an absent broker."""
        ...


class StreamReader(Protocol):
    """Reads bounded ranges; keeps no position of its own between calls."""

    def spans(self, topics: Sequence[str]) -> list[PartitionSpan]:
        """Return begin and end offsets of every partition of the topics, as of now.

        Raises:
            SinkUnavailable: The stream cannot be asked now.
        """
        ...

    def read(
        self, topic: str, partition: int, start: int, end: int, *, max_bytes: int, max_records: int
    ) -> Iterator[StreamRecord]:
        """Yield records of `[start, end)` in offset order, stopping early at either bound.

        At least one record is yielded where one exists, however large. Offsets may be missing
        (control records): the caller derives its range from `end` or the last record yielded.

        Raises:
            StreamGap: `start` is no longer in the stream.
            SinkUnavailable: The stream went away.
        """
        ...

    def close(self) -> None:
        """Let go of threads and sockets."""
        ...
