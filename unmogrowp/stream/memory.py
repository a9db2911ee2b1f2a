"""The stream in memory: the same promises as Kafka, in microseconds, for tests.

It is a producer and a reader at once. What only tests need is at the end of the class: taking
the stream away, holding acknowledgements back, dropping old records, creating a topic anew.
"""

import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from unmogrowp.contracts.topics import MAX_MESSAGE_BYTES
from unmogrowp.errors import SinkUnavailable, StreamGap
from unmogrowp.stream.port import Headers, PartitionSpan, Placement, StreamRecord

OnDone = Callable[[Placement | None, Exception | None], None]


@dataclass
class _Partition:
    begin: int = 0
    records: list[StreamRecord] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.begin + len(self.records)


@dataclass
class _Topic:
    topic_id: str
    partitions: list[_Partition]


class MemoryStream:
    """A stream of topics that exist from the start; safe to share between threads."""

    def __init__(
        self,
        topics: Sequence[str],
        *,
        partitions: int = 1,
        max_record_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._lock = threading.Lock()
        self._partition_count = partitions
        self._topics = {name: self._new_topic() for name in topics}
        self._max_record_bytes = max_record_bytes
        self._is_available = True
        self._held: list[Callable[[], None]] | None = None
        self._in_flight = 0

    def _new_topic(self) -> _Topic:
        return _Topic(str(uuid.uuid4()), [_Partition() for _ in range(self._partition_count)])

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
        """Append one record; `on_done` is called before returning unless acks are held back."""
        del waits_for_push  # nothing is ever on its way here
        with self._lock:
            if not self._is_available:
                raise SinkUnavailable("the stream was taken away")
            placement = self._append(topic, key, value, headers)
            if self._held is not None:
                self._in_flight += 1
                self._held.append(lambda: on_done(placement, None))
                return
        on_done(placement, None)

    def _append(self, topic: str, key: bytes | None, value: bytes, headers: Headers) -> Placement:
        found = self._topics.get(topic)
        if found is None:
            raise SinkUnavailable(f"there is no topic {topic}")
        if len(value) > self._max_record_bytes:
            raise SinkUnavailable(f"a record of {len(value)} bytes is too large for {topic}")
        number = zlib.crc32(key or b"") % len(found.partitions)
        partition = found.partitions[number]
        record = StreamRecord(
            topic=topic,
            topic_id=found.topic_id,
            partition=number,
            offset=partition.end,
            timestamp_ms=time.time_ns() // 1_000_000,
            key=key,
            value=value,
            headers=tuple(headers),
        )
        partition.records.append(record)
        return Placement(topic, found.topic_id, number, record.offset)

    def max_record_bytes(self, topic: str) -> int:
        """Return the bound given at construction; the same for all topics."""
        del topic
        return self._max_record_bytes

    def push(self) -> None:
        """Do nothing: what was sent is there."""

    def is_ready(self) -> bool:
        """Say whether a record would be taken now."""
        return self._is_available

    def flush(self, timeout_s: float) -> None:
        """Wait until no acknowledgement is held back or the time is over."""
        deadline = time.monotonic() + timeout_s
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(0.001)

    def close(self, timeout_s: float = 0.0) -> None:
        """Flush; the records stay readable, so that tests can look at them afterwards."""
        self.flush(timeout_s)

    def spans(self, topics: Sequence[str]) -> list[PartitionSpan]:
        """Return begin and end offsets of every partition of the topics."""
        with self._lock:
            if not self._is_available:
                raise SinkUnavailable("the stream was taken away")
            missing = [name for name in topics if name not in self._topics]
            if missing:
                raise SinkUnavailable(f"there is no topic {missing[0]}")
            return [
                PartitionSpan(name, self._topics[name].topic_id, number, part.begin, part.end)
                for name in topics
                for number, part in enumerate(self._topics[name].partitions)
            ]

    def read(
        self, topic: str, partition: int, start: int, end: int, *, max_bytes: int, max_records: int
    ) -> Iterator[StreamRecord]:
        """Yield records of `[start, end)`, at least one where one exists."""
        with self._lock:
            if not self._is_available:
                raise SinkUnavailable("the stream was taken away")
            found = self._topics[topic].partitions[partition]
            if start < found.begin:
                raise StreamGap(f"{topic}/{partition}: {start} is gone, begins at {found.begin}")
            records = found.records[start - found.begin : max(end - found.begin, 0)]
        taken_bytes = 0
        for count, record in enumerate(records):
            size = len(record.value)
            if count and (count >= max_records or taken_bytes + size > max_bytes):
                return
            taken_bytes += size
            yield record

    def records(self, topic: str) -> list[StreamRecord]:
        """Return all records of a topic, partition by partition, in offset order."""
        with self._lock:
            return [record for part in self._topics[topic].partitions for record in part.records]

    def take_away(self) -> None:
        """Refuse everything from now on, as a broker that is gone."""
        self._is_available = False

    def bring_back(self) -> None:
        """Take records again."""
        self._is_available = True

    def hold_acknowledgements(self) -> None:
        """Keep records but call no `on_done` until `release_acknowledgements`."""
        self._held = []

    def release_acknowledgements(self) -> None:
        """Call every held `on_done`, in order, and hold no further ones."""
        held, self._held = self._held or [], None
        for call in held:
            call()
            self._in_flight -= 1

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Drop old records, as retention does."""
        with self._lock:
            found = self._topics[topic].partitions[partition]
            found.records = found.records[offset - found.begin :]
            found.begin = offset

    def recreate(self, topic: str) -> None:
        """Delete the topic and create it again: a new id, offsets from 0."""
        with self._lock:
            self._topics[topic] = self._new_topic()
