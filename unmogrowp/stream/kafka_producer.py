"""Kafka as a sink: idempotent, acks=all, never blocking the caller.

kafka-python has no bound on what it buffers (docs/adr/0030): the caller counts bytes. It also
blocks for metadata inside `send`, and its constructor waits for a broker; so a thread of our own
connects, warms the metadata and watches, and until then `send` refuses at once.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.structs import TopicPartition

from unmogrowp.contracts.topics import MAX_MESSAGE_BYTES
from unmogrowp.errors import SinkUnavailable
from unmogrowp.stream import kafka_admin
from unmogrowp.stream.kafka_batches import Batch, Flight, Records, codec
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.port import Headers, OnDone

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProducerOptions:
    """Tuning of the producer; sizes in bytes.

    `delivery_timeout_ms` is far beyond what a client is made to wait: kafka-python 3.0 hangs for
    ever when a record expires that was tried before (docs/adr/0030). A record stays in flight
    until the broker is back; its bytes count all the while. `stall_s` without any outcome, while
    the cluster answers others, makes the producer start anew.
    """

    compression: str = "lz4"
    linger_ms: int = 0
    request_timeout_ms: int = 10_000
    delivery_timeout_ms: int = 3_600_000
    stall_s: float = 20.0
    batch_bytes: int = 1024 * 1024
    limits_interval_s: float = 60.0


class _PatientClient(KafkaNetClient):  # type: ignore[misc]
    """The client of kafka-python, which says 0 where it means "still connecting".

    Its sender then spins a whole core for as long as a broker does not answer.
    """

    def connection_delay(self, node_id: int) -> float:
        """Return for how many milliseconds the sender may sleep before it asks again."""
        delay_s: float = super().connection_delay(node_id)
        return max(20.0, delay_s * 1000)


class KafkaStreamProducer:
    """Sends records to the given topics of one cluster; safe to share between threads."""

    def __init__(
        self,
        connection: KafkaConnection,
        topics: Sequence[str],
        options: ProducerOptions | None = None,
    ) -> None:
        self._connection = connection
        self._topics = list(topics)
        self._options = options or ProducerOptions()
        self._producer: Any = None
        self._codec = codec(self._options.compression)
        self._is_sender_asleep = False
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._limits: dict[str, int] = {}
        self._flight = Flight()
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._watch = threading.Thread(target=self._run, name="kafka-watch", daemon=True)
        self._watch.start()

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Wait for the first connection; False when there is none yet."""
        return self._ready.wait(timeout_s)

    def is_ready(self) -> bool:
        """Say whether a connection was made and no fatal error is known."""
        return self._ready.is_set()

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
        """Queue one record; see the port for the promise.

        `Placement.offset` is -1 in the rare case that the broker recognised a repeated delivery
        whose offset it no longer remembers: the record is stored, once.
        """
        producer = self._producer
        if producer is None:
            raise SinkUnavailable("not connected to Kafka yet")
        # The cached metadata: asking for it would wait on the caller's thread.
        known = producer._metadata._partitions.get(topic)
        if not known:
            self._ready.clear()
            raise SinkUnavailable(f"the partitions of {topic} are not known")
        if len(value) > MAX_MESSAGE_BYTES:
            raise SinkUnavailable(f"{topic}: a record of {len(value)} bytes is too large")
        partitions = self._partitions.get(topic, ())
        if len(partitions) != len(known):
            partitions = [TopicPartition(topic, number) for number in range(len(known))]
            self._partitions[topic] = partitions
        # The client's own choice hashes in pure Python and costs as much as all the rest.
        partition = partitions[crc32(key or b"") % len(known)]
        if self._add(producer, partition, key, value, headers, on_done):
            self._is_sender_asleep = True
            if not waits_for_push:
                self.push()

    def push(self) -> None:
        """Wake the sender if it has been given a new batch."""
        producer = self._producer
        if self._is_sender_asleep and producer is not None:
            self._is_sender_asleep = False
            producer._sender.wakeup()

    def _add(
        self,
        producer: Any,
        partition: TopicPartition,
        key: bytes | None,
        value: bytes,
        headers: Headers,
        on_done: OnDone,
    ) -> bool:
        """Add a record to the open batch of a partition; True if that had to be a new one.

        What `KafkaProducer.send` and its accumulator's `append` do, with batches of our own.
        """
        flight = self._flight
        accumulator = producer._accumulator
        if accumulator._closed:
            raise SinkUnavailable("the producer is closed")
        now_ms = int(time.time() * 1000)
        # The accumulator's lock of a partition is held while a batch is compressed; a deque needs
        # no lock to be appended to.
        queue = accumulator._batches[partition]
        batch = queue[-1] if queue else None
        is_new = not isinstance(batch, Batch) or not batch.records.add(
            now_ms, key, value, headers, on_done
        )
        if is_new:
            records = Records(self._batch_bytes(partition.topic), *self._codec)
            records.add(now_ms, key, value, headers, on_done)
            batch = Batch(
                partition, records, time.monotonic(), flight, partial(_topic_id, producer)
            )
            accumulator._incomplete.add(batch)
            queue.append(batch)
        flight.sent += 1
        if is_new and accumulator._closed and not producer._sender.is_alive():
            _abort(producer)  # it ended between our first look and now
        return is_new

    def _batch_bytes(self, topic: str) -> int:
        """Return how large a batch may become: a broker that takes less would make us split it."""
        return min(self._options.batch_bytes, self.max_record_bytes(topic))

    def max_record_bytes(self, topic: str) -> int:
        """Return the topic's `max.message.bytes` as last read, at most the contract's."""
        return min(self._limits.get(topic, MAX_MESSAGE_BYTES), MAX_MESSAGE_BYTES)

    def flush(self, timeout_s: float) -> None:
        """Wait until nothing is in flight or the time is over."""
        producer = self._producer
        if producer is None:
            return
        try:
            producer.flush(timeout_s)
        except KafkaError as error:
            logger.warning("flush ended early: %s", type(error).__name__)

    def close(self, timeout_s: float = 5.0) -> None:
        """Flush, then let go of threads and sockets, also when the broker is away."""
        deadline = time.monotonic() + timeout_s
        self._closing.set()
        self.flush(timeout_s)
        producer, self._producer = self._producer, None
        self._ready.clear()
        if producer is not None:
            _close_quietly(producer, max(0.1, deadline - time.monotonic()))
        self._watch.join(max(0.1, deadline - time.monotonic()))

    def _run(self) -> None:
        limits_read_at = 0.0
        while not self._closing.is_set():
            try:
                self._connect_once()
                if time.monotonic() - limits_read_at >= self._options.limits_interval_s:
                    self._note_limits(kafka_admin.max_message_bytes(self._connection, self._topics))
                    limits_read_at = time.monotonic()
                if self._producer is not None and not self._has_fatal_error():
                    self._ready.set()
                    self._replace_if_stuck()
            except SinkUnavailable as error:
                logger.warning("%s", error)
            self._closing.wait(1.0)

    def _note_limits(self, limits: Mapping[str, int]) -> None:
        for topic, limit in limits.items():
            if limit != self._limits.get(topic, MAX_MESSAGE_BYTES):
                logger.warning(
                    "%s takes records of up to %s bytes; the contract's are %s",
                    topic,
                    limit,
                    MAX_MESSAGE_BYTES,
                )
        self._limits.update(limits)

    def _connect_once(self) -> None:
        if self._producer is not None and self._has_fatal_error():
            # An idempotent producer that lost its sequence refuses for ever: begin a new one.
            logger.error("the producer has a fatal error and is replaced")
            self._ready.clear()
            broken, self._producer = self._producer, None
            _close_quietly(broken, 0.1)
        if self._producer is None:
            producer = self._new_producer()
            try:
                for topic in self._topics:
                    producer.partitions_for(topic)
            except KafkaError as error:
                _close_quietly(producer, 0.1)
                raise SinkUnavailable(f"topics are not there yet: {error}") from error
            if self._closing.is_set():
                _close_quietly(producer, 0.1)
                return
            self._flight = Flight()
            self._producer = producer
        elif not self._ready.is_set():
            for topic in self._topics:
                try:
                    self._producer.partitions_for(topic)
                except KafkaError as error:
                    raise SinkUnavailable(f"{topic} is not there: {error}") from error

    def _replace_if_stuck(self) -> None:
        flight = self._flight
        if flight.sent == flight.settled:
            flight.settled_at = time.monotonic()
        if time.monotonic() - flight.settled_at < self._options.stall_s:
            return
        # Raises where the cluster does not answer either: then there is nothing to replace.
        kafka_admin.max_message_bytes(self._connection, self._topics[:1])
        silence = time.monotonic() - flight.settled_at
        if silence < self._options.stall_s:
            return
        logger.error("no outcome for %.0f s although Kafka answers: a new producer", silence)
        self._ready.clear()
        stuck, self._producer = self._producer, None
        _close_quietly(stuck, 0.5)

    def _has_fatal_error(self) -> bool:
        manager = self._producer._transaction_manager
        return bool(manager and manager.has_fatal_error())

    def _new_producer(self) -> Any:
        options = self._options
        try:
            return self._connection.open(
                KafkaProducer,
                _PatientClient,
                client_id="unmogrowp-collector",
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                compression_type=None if options.compression == "none" else options.compression,
                linger_ms=options.linger_ms,
                batch_size=options.batch_bytes,
                max_request_size=MAX_MESSAGE_BYTES,
                delivery_timeout_ms=options.delivery_timeout_ms,
                request_timeout_ms=options.request_timeout_ms,
                max_block_ms=5_000,
                bootstrap_timeout_ms=5_000,
                metrics_enabled=False,
            )
        except (KafkaError, OSError, ValueError) as error:
            raise SinkUnavailable(f"Kafka does not answer: {type(error).__name__}") from error


def _topic_id(producer: Any, topic: str) -> str:
    return str(producer._metadata.topic_id(topic))


def _abort(producer: Any) -> None:
    """Give every record that is still without an outcome one: unknown."""
    producer._accumulator.abort_batches(SinkUnavailable("the producer is closed"))


def _close_quietly(producer: Any, timeout_s: float) -> None:
    try:
        producer.close(timeout=timeout_s)
    except (KafkaError, RuntimeError) as error:
        logger.warning("closing the producer: %s", type(error).__name__)
        # `close` gives up where something is in flight and leaves its thread running: end it, so
        # that every record gets its outcome.
        producer._sender.force_close()
        producer._sender.wakeup()
        producer._sender.join(5.0)
    _abort(producer)
