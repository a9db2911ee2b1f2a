"""What every stream promises, held against the one in memory and against Kafka."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition

from local_stack.kafka import running_kafka
from local_stack.ports import any_free_port
from unmogrowp.contracts.topics import MAX_MESSAGE_BYTES, Topic
from unmogrowp.errors import SinkUnavailable, StreamGap
from unmogrowp.stream.kafka_admin import TopicOptions, ensure_topics, max_message_bytes
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.kafka_producer import KafkaStreamProducer, ProducerOptions
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.stream.memory import MemoryStream
from unmogrowp.stream.port import Headers, Placement, StreamProducer, StreamReader, StreamRecord

LARGE = 10**9
HEADERS: Headers = [("v", b"1"), ("text", "ü".encode()), ("bytes", bytes(range(256))), ("", b"")]


@dataclass
class Stream:
    """One topic of one partition, by both of its ends."""

    producer: StreamProducer
    reader: StreamReader
    topic: str
    admin: Any

    def send(self, value: bytes, key: bytes | None = b"k", headers: Headers = ()) -> Placement:
        done = threading.Event()
        outcomes: list[tuple[Placement | None, Exception | None]] = []

        def on_done(placement: Placement | None, error: Exception | None) -> None:
            outcomes.append((placement, error))
            done.set()

        self.producer.send(self.topic, key, value, list(headers), on_done)
        assert done.wait(30)
        time.sleep(0.01)
        ((placement, error),) = outcomes
        assert error is None
        assert placement is not None
        return placement

    def read(self, start: int, end: int, **bounds: int) -> list[StreamRecord]:
        limits = {"max_bytes": LARGE, "max_records": LARGE} | bounds
        return list(self.reader.read(self.topic, 0, start, end, **limits))

    def delete_before(self, offset: int) -> None:
        if isinstance(self.producer, MemoryStream):
            self.producer.delete_before(self.topic, 0, offset)
        else:
            self.admin.delete_records({TopicPartition(self.topic, 0): offset})

    def recreate(self) -> None:
        if isinstance(self.producer, MemoryStream):
            self.producer.recreate(self.topic)
            return
        self.admin.delete_topics([self.topic])
        time.sleep(0.5)
        self.admin.create_topics({self.topic: {"num_partitions": 1}}, wait_for_metadata=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(params=["memory", "kafka"])
def stream(request: pytest.FixtureRequest) -> Iterator[Stream]:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    if request.param == "memory":
        memory = MemoryStream([topic])
        yield Stream(memory, memory, topic, None)
        return
    bootstrap = request.getfixturevalue("broker")
    connection = KafkaConnection(bootstrap)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    producer = KafkaStreamProducer(connection, [topic])
    assert producer.wait_until_ready(30)
    reader = KafkaReader(connection)
    built = Stream(producer, reader, topic, admin)
    yield built
    reader.close()
    built.producer.close()  # a test may have put another in its place
    admin.close()


def test_a_record_comes_back_as_it_was_sent(stream: Stream) -> None:
    placement = stream.send(b"value \x00\xff", b"key", HEADERS)
    (record,) = stream.read(0, 1)
    assert (record.key, record.value) == (b"key", b"value \x00\xff")
    assert list(record.headers) == list(HEADERS)
    assert (record.topic, record.topic_id, record.partition, record.offset) == (
        placement.topic,
        placement.topic_id,
        placement.partition,
        placement.offset,
    )
    assert uuid.UUID(placement.topic_id)
    assert abs(record.timestamp_ms / 1000 - time.time()) < 60


def test_a_record_may_have_no_key_and_no_bytes(stream: Stream) -> None:
    stream.send(b"", None)
    (record,) = stream.read(0, 1)
    assert (record.key, record.value) == (None, b"")


def test_offsets_count_from_zero_in_the_order_of_sending(stream: Stream) -> None:
    assert [stream.send(str(n).encode()).offset for n in range(3)] == [0, 1, 2]
    assert [(r.offset, r.value) for r in stream.read(0, 3)] == [(0, b"0"), (1, b"1"), (2, b"2")]


def test_spans_are_half_open(stream: Stream) -> None:
    (span,) = stream.reader.spans([stream.topic])
    assert (span.topic, span.partition, span.begin, span.end) == (stream.topic, 0, 0, 0)
    placement = stream.send(b"x")
    (span,) = stream.reader.spans([stream.topic])
    assert (span.topic_id, span.begin, span.end) == (placement.topic_id, 0, 1)


def test_nothing_beyond_the_end_of_the_range_is_read(stream: Stream) -> None:
    for number in range(5):
        stream.send(str(number).encode())
    assert [r.offset for r in stream.read(1, 3)] == [1, 2]
    assert stream.read(2, 2) == []


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"max_records": 2}, 2),
        ({"max_records": 1}, 1),
        ({"max_bytes": 250}, 2),
        ({"max_bytes": 200}, 2),
        ({"max_bytes": 199}, 1),
        ({"max_bytes": 1}, 1),
    ],
)
def test_a_read_stops_at_either_bound_but_gives_at_least_one(
    stream: Stream, bounds: dict[str, int], expected: int
) -> None:
    for _ in range(4):
        stream.send(b"x" * 100)
    first = stream.read(0, 4, **bounds)
    assert [r.offset for r in first] == list(range(expected))
    rest = stream.read(expected, 4)
    assert [r.offset for r in rest] == list(range(expected, 4))


def test_a_large_record_passes(stream: Stream) -> None:
    value = bytes(range(256)) * 4 * 1024 * 3  # 3 MiB of what compresses badly enough
    if not isinstance(stream.producer, MemoryStream):
        topic = str(Topic.EVENTS)
        ensure_topics(KafkaConnection(_bootstrap(stream)), TopicOptions(partitions=1))
        stream.producer.close(5)
        stream.producer = KafkaStreamProducer(KafkaConnection(_bootstrap(stream)), [topic])
        assert stream.producer.wait_until_ready(30)
        stream.topic = topic
    placement = stream.send(value)
    (record,) = stream.read(placement.offset, placement.offset + 1)
    assert record.value == value


def _bootstrap(stream: Stream) -> str:
    return str(stream.admin.config["bootstrap_servers"])


def test_records_that_were_dropped_are_a_gap_and_an_error(stream: Stream) -> None:
    for number in range(3):
        stream.send(str(number).encode())
    stream.delete_before(2)
    (span,) = stream.reader.spans([stream.topic])
    assert (span.begin, span.end) == (2, 3)
    with pytest.raises(StreamGap):
        stream.read(1, 3)
    assert [r.offset for r in stream.read(2, 3)] == [2]


def test_a_topic_made_anew_has_another_id_and_begins_at_zero(stream: Stream) -> None:
    before = stream.send(b"old")
    stream.recreate()
    deadline = time.monotonic() + 60
    while True:
        try:
            (span,) = stream.reader.spans([stream.topic])
            if span.topic_id != before.topic_id:
                break
        except SinkUnavailable:
            assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (span.begin, span.end) == (0, 0)


def test_an_unknown_topic_is_refused_at_both_ends(stream: Stream) -> None:
    with pytest.raises(SinkUnavailable):
        stream.producer.send("nowhere", b"k", b"v", [], lambda *_: None)
    with pytest.raises(SinkUnavailable):
        stream.reader.spans(["nowhere"])


def test_the_largest_record_is_known_and_flushing_an_idle_stream_returns(stream: Stream) -> None:
    assert 0 < stream.producer.max_record_bytes(stream.topic) <= MAX_MESSAGE_BYTES
    assert stream.producer.is_ready()
    began = time.monotonic()
    stream.producer.flush(10)
    assert time.monotonic() - began < 5


def test_many_records_at_once_are_each_acknowledged_once(stream: Stream) -> None:
    placements: list[Placement | None] = []
    for number in range(2_000):
        stream.producer.send(
            stream.topic, b"k", str(number).encode(), [], lambda p, _e: placements.append(p)
        )
    stream.producer.flush(30)
    deadline = time.monotonic() + 30
    while len(placements) < 2_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(p.offset for p in placements if p) == list(range(2_000))
    assert [r.value for r in stream.read(0, 2_000)] == [str(n).encode() for n in range(2_000)]


def test_topics_are_made_once_as_the_contract_says(broker: str) -> None:
    connection = KafkaConnection(broker)
    ensure_topics(connection, TopicOptions())
    assert ensure_topics(connection, TopicOptions(partitions=9)) == []
    names = [str(topic) for topic in Topic]
    assert max_message_bytes(connection, names) == dict.fromkeys(names, MAX_MESSAGE_BYTES)


def test_without_a_broker_sending_refuses_at_once_and_closing_returns() -> None:
    producer = KafkaStreamProducer(KafkaConnection(f"127.0.0.1:{any_free_port()}"), ["t"])
    began = time.monotonic()
    with pytest.raises(SinkUnavailable):
        producer.send("t", b"k", b"v", [], lambda *_: None)
    assert not producer.is_ready()
    producer.flush(1)
    producer.close(1)
    assert time.monotonic() - began < 10


def test_asking_a_cluster_that_is_away_leaves_no_thread_behind() -> None:
    connection = KafkaConnection(f"127.0.0.1:{any_free_port()}")
    reader = KafkaReader(connection, request_timeout_s=1)
    before = set(threading.enumerate())
    with pytest.raises(SinkUnavailable):
        reader.spans(["t"])
    with pytest.raises(SinkUnavailable):
        max_message_bytes(connection, ["t"])
    assert set(threading.enumerate()) - before == set()


def test_a_producer_that_began_before_its_broker_finds_it(tmp_path: Path) -> None:
    port = any_free_port()
    producer = KafkaStreamProducer(KafkaConnection(f"127.0.0.1:{port}"), [str(Topic.EVENTS)])
    with running_kafka(tmp_path, port) as bootstrap:
        ensure_topics(KafkaConnection(bootstrap), TopicOptions())
        assert producer.wait_until_ready(60)
        producer.close()


def test_what_waits_leaves_with_the_next_push(stream: Stream) -> None:
    arrived = threading.Semaphore(0)
    for _ in range(3):
        stream.producer.send(
            stream.topic, b"k", b"v", [], lambda *_: arrived.release(), waits_for_push=True
        )
    stream.producer.push()
    for _ in range(3):
        assert arrived.acquire(timeout=30)
    assert len(stream.read(0, 3)) == 3


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_many_records_at_once_share_batches_and_each_learns_its_own_place(
    broker: str, compression: str
) -> None:
    connection = KafkaConnection(broker)
    topic = f"t-{uuid.uuid4().hex[:8]}"
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.create_topics({topic: {"num_partitions": 2}}, wait_for_metadata=True)
    options = ProducerOptions(compression=compression, batch_bytes=20_000)
    with closing(KafkaStreamProducer(connection, [topic], options)) as producer:
        assert producer.wait_until_ready(30)
        placements = send_all(producer, topic, [b"%d " % n * (n % 400) for n in range(2_000)])
    with closing(KafkaReader(connection)) as reader:
        read = {
            (record.partition, record.offset): record.value
            for span in reader.spans([topic])
            for record in reader.read(
                topic, span.partition, 0, span.end, max_bytes=LARGE, max_records=LARGE
            )
        }
    assert len(read) == 2_000
    for number, placement in enumerate(placements):
        assert isinstance(placement, Placement)
        assert read[placement.partition, placement.offset] == b"%d " % number * (number % 400)


def test_a_batch_larger_than_the_broker_takes_is_split_and_no_record_is_lost(broker: str) -> None:
    connection = KafkaConnection(broker)
    topic = f"t-{uuid.uuid4().hex[:8]}"
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        configs = {"max.message.bytes": "50000"}
        admin.create_topics(
            {topic: {"num_partitions": 1, "configs": configs}}, wait_for_metadata=True
        )
    options = ProducerOptions(compression="none", linger_ms=200)
    with closing(KafkaStreamProducer(connection, [topic], options)) as producer:
        assert producer.wait_until_ready(30)
        producer._limits[topic] = MAX_MESSAGE_BYTES  # as if the limit had been lowered just now
        values = [b"%d" % number + b"." * 9_000 for number in range(20)]
        placements = send_all(producer, topic, [*values, b"." * 60_000])
    *stored, refused = placements
    assert isinstance(refused, SinkUnavailable)
    with closing(KafkaReader(connection)) as reader:
        records = list(reader.read(topic, 0, 0, 20, max_bytes=LARGE, max_records=LARGE))
    places = {record.offset: record.value for record in records}
    assert [places[place.offset] for place in stored if isinstance(place, Placement)] == values


def send_all(
    producer: KafkaStreamProducer, topic: str, values: list[bytes]
) -> list[Placement | Exception | None]:
    """Send records without waiting in between; return what became of each."""
    outcomes: list[Placement | Exception | None] = [None] * len(values)
    missing = threading.Semaphore(0)

    def remember(number: int) -> Callable[[Placement | None, Exception | None], None]:
        def on_done(placement: Placement | None, error: Exception | None) -> None:
            outcomes[number] = placement or error
            missing.release()

        return on_done

    for number, value in enumerate(values):
        producer.send(topic, b"%d" % number, value, [("n", b"%d" % number)], remember(number))
    for _ in values:
        assert missing.acquire(timeout=30)
    return outcomes
