"""Reads bounded ranges of Kafka partitions; keeps no committed offsets and no consumer group.

Where a range ends is decided by the consumer's *position*, never by the last record seen: control
records and compaction leave offsets without a record. A range that begins before the first
offset the broker still has is a gap and an error; the client alone would answer with an empty
poll or jump ahead. kafka-python has stalled in several versions after connection changes, so a
consumer that makes no progress is thrown away and made anew.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError, UnknownTopicOrPartitionError

from unmogrowp.contracts.topics import MAX_MESSAGE_BYTES
from unmogrowp.errors import SinkUnavailable, StreamGap
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.port import PartitionSpan, StreamRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Records that were fetched together: they cover offsets `[start, reached)`."""

    part: TopicPartition
    topic_id: str
    start: int
    reached: int
    records: list[Any]


_POLL_MS = 500
_POLL_RECORDS = 2_000


class KafkaReader:
    """Reads from one cluster. Not safe to share between threads, as the client is not."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        request_timeout_s: float = 15.0,
        stall_s: float = 10.0,
        stalls_allowed: int = 2,
    ) -> None:
        self._connection = connection
        self._timeout_ms = int(request_timeout_s * 1000)
        self._stall_s = stall_s
        self._stalls_allowed = stalls_allowed
        self._consumer: Any = None
        self._assigned: TopicPartition | None = None
        # What a bounded read fetched beyond its bound; the next read most often begins there.
        self._left_over: _Fetched | None = None

    def spans(self, topics: Sequence[str]) -> list[PartitionSpan]:
        """Return begin and end offsets of every partition of the topics, as of now."""
        consumer = self._connected()
        try:
            self._refresh_metadata(topics)
            partitions = []
            for topic in topics:
                found = consumer._cluster.partitions_for_topic(topic)
                if not found:
                    raise SinkUnavailable(f"there is no topic {topic}")
                partitions += [TopicPartition(topic, number) for number in sorted(found)]
            begins = consumer.beginning_offsets(partitions, timeout_ms=self._timeout_ms)
            ends = consumer.end_offsets(partitions, timeout_ms=self._timeout_ms)
        except UnknownTopicOrPartitionError as error:
            self.close()
            raise SinkUnavailable(f"there is no topic of {', '.join(topics)}: {error}") from error
        except (KafkaError, OSError, ValueError) as error:
            self.close()
            raise SinkUnavailable(f"Kafka cannot be asked for offsets: {error}") from error
        left_over = self._left_over
        if left_over and left_over.topic_id != self._topic_id(left_over.part.topic):
            self._left_over = None
        return [
            PartitionSpan(part.topic, self._topic_id(part.topic), part.partition, begins[part], end)
            for part, end in ((part, ends[part]) for part in partitions)
        ]

    def read(
        self, topic: str, partition: int, start: int, end: int, *, max_bytes: int, max_records: int
    ) -> Iterator[StreamRecord]:
        """Yield records of `[start, end)` in offset order, stopping early at either bound."""
        part = TopicPartition(topic, partition)
        position = start
        taken_bytes = taken_records = stalls = 0
        progress_at = time.monotonic()
        while position < end:
            fetched = self._fetch(part, position)
            for index, raw in enumerate(fetched.records):
                if raw.offset >= end:
                    self._keep(fetched, index, end)
                    return
                size = len(raw.value or b"")
                if taken_records and (
                    taken_records >= max_records or taken_bytes + size > max_bytes
                ):
                    self._keep(fetched, index, raw.offset)
                    return
                taken_records += 1
                taken_bytes += size
                yield _record(raw, fetched.topic_id)
            reached = fetched.reached
            if reached > position:
                position, progress_at = reached, time.monotonic()
            elif time.monotonic() - progress_at > self._stall_s:
                stalls += 1
                if stalls > self._stalls_allowed:
                    raise SinkUnavailable(
                        f"no progress at {topic}/{partition} offset {position} of {end}"
                    )
                logger.warning("%s/%d stalls at %d: new consumer", topic, partition, position)
                self.close()
                progress_at = time.monotonic()

    def _fetch(self, part: TopicPartition, position: int) -> _Fetched:
        """Return what comes at `position`: what is left over from the last read, or one poll."""
        left_over, self._left_over = self._left_over, None
        if left_over is not None and left_over.part == part and left_over.start == position:
            return left_over
        try:
            consumer = self._positioned(part, position)
            topic_id = self._topic_id(part.topic)
            records = consumer.poll(_POLL_MS, max_records=_POLL_RECORDS).get(part, [])
            reached = consumer.position(part, timeout_ms=self._timeout_ms)
        except StreamGap:
            self.close()  # a fetch of the lost position may be under way and spoil the next read
            raise
        except OffsetOutOfRangeError as error:
            self.close()
            raise StreamGap(f"{part.topic}/{part.partition}: offset {position} is gone") from error
        except (KafkaError, OSError) as error:
            self.close()
            raise SinkUnavailable(
                f"reading {part.topic}/{part.partition} failed: {error}"
            ) from error
        return _Fetched(part, topic_id, position, reached or position, records)

    def _keep(self, fetched: _Fetched, index: int, start: int) -> None:
        self._left_over = _Fetched(
            fetched.part, fetched.topic_id, start, fetched.reached, fetched.records[index:]
        )

    def close(self) -> None:
        """Let go of threads and sockets."""
        self._left_over = None
        consumer, self._consumer, self._assigned = self._consumer, None, None
        if consumer is not None:
            try:
                consumer.close(autocommit=False, timeout_ms=2_000)
            except (KafkaError, OSError) as error:
                logger.info("closing the consumer: %s", error)

    def _connected(self) -> Any:
        if self._consumer is None:
            try:
                self._consumer = self._connection.open(
                    KafkaConsumer,
                    client_id="unmogrowp-landing",
                    group_id=None,
                    enable_auto_commit=False,
                    auto_offset_reset="none",
                    isolation_level="read_committed",
                    request_timeout_ms=self._timeout_ms,
                    bootstrap_timeout_ms=self._timeout_ms,
                    max_poll_records=_POLL_RECORDS,
                    max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
                    fetch_max_bytes=2 * MAX_MESSAGE_BYTES,
                    fetch_max_wait_ms=100,
                )
            except (KafkaError, OSError, ValueError) as error:
                raise SinkUnavailable(f"Kafka does not answer: {error}") from error
        return self._consumer

    def _positioned(self, part: TopicPartition, position: int) -> Any:
        """Return the consumer, about to give `position`; records it holds already are kept."""
        consumer = self._connected()
        if self._assigned != part:
            consumer.assign([part])
            self._assigned = part
            is_there = False
        else:
            is_there = consumer.position(part, timeout_ms=self._timeout_ms) == position
        if not is_there:
            begin = consumer.beginning_offsets([part], timeout_ms=self._timeout_ms)[part]
            if begin > position:
                raise StreamGap(
                    f"{part.topic}/{part.partition}: offsets [{position}, {begin}) are gone"
                )
            consumer.seek(part, position)
        return consumer

    def _refresh_metadata(self, topics: Sequence[str]) -> None:
        """Ask the cluster anew: a topic may have been deleted and created since the last time."""
        consumer = self._consumer
        consumer._cluster.set_topics(list(topics))
        future = consumer._cluster.request_update()
        consumer._net.run(consumer._manager.wait_for, future, self._timeout_ms)

    def _topic_id(self, topic: str) -> str:
        found = self._consumer._cluster.topic_id(topic)
        if found is None:
            self._refresh_metadata([topic])
            found = self._consumer._cluster.topic_id(topic)
        if found is None:
            raise SinkUnavailable(f"the cluster gives no id for topic {topic}")
        return str(found)


def _record(raw: Any, topic_id: str) -> StreamRecord:
    return StreamRecord(
        topic=raw.topic,
        topic_id=topic_id,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        key=raw.key,
        value=raw.value or b"",
        headers=tuple((name, value or b"") for name, value in raw.headers),
    )
