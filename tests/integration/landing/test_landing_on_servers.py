"""Landing on the real broker, the warehouse server and PostgreSQL: the same promises."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition

from local_stack.clickhouse.alone import running_clickhouse
from local_stack.kafka import running_kafka
from local_stack.postgres import running_postgres
from tests.fakes.landing import FrozenClock
from tests.fakes.requests import NOON, headers, track
from tests.kill.test_landing_kills import differences, run_cases
from tests.running_stack import open_folder
from unmogrowp.contracts.topics import Topic
from unmogrowp.control.locks import pipeline_lock
from unmogrowp.errors import ControlUnavailable, SinkUnavailable, StreamGap
from unmogrowp.landing.gaps import accept_gap
from unmogrowp.landing.lag import lag
from unmogrowp.landing.land import Lander
from unmogrowp.landing.options import LandingOptions
from unmogrowp.stream.kafka_admin import TopicOptions, ensure_topics
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.kafka_producer import KafkaStreamProducer
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.stream.port import Placement
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator

NO_BOUND = 2**40


@dataclass
class Servers:
    """A broker and a warehouse, shared by the tests of this file."""

    connection: KafkaConnection
    producer: KafkaStreamProducer
    reader: KafkaReader
    warehouse: Warehouse
    warehouse_address: str

    def send(self, items: int, received_at: int, first: int = 0, body: bytes = b"") -> Placement:
        """Put one batch on the stream and wait for its acknowledgement."""

        value = (
            body or json.dumps({"batch": [track(f"m{first + n}") for n in range(items)]}).encode()
        )
        done = threading.Event()
        placed: list[Placement] = []

        def on_done(placement: Placement | None, error: Exception | None) -> None:
            assert placement is not None, error
            placed.append(placement)
            done.set()

        self.producer.send(
            Topic.EVENTS,
            b"k",
            value,
            headers(path="/v1/batch", received_at=received_at, item_count=items),
            on_done,
        )
        assert done.wait(30)
        return placed[0]

    def fresh_topic(self) -> None:
        """Delete events.v1 and create it anew, as an operator would."""
        admin = KafkaAdminClient(**self.connection.client_arguments())
        admin.delete_topics([str(Topic.EVENTS)])
        deadline = time.monotonic() + 60
        while Topic.EVENTS in admin.list_topics() and time.monotonic() < deadline:
            time.sleep(0.2)
        admin.close()
        while Topic.EVENTS not in ensure_topics(self.connection, TopicOptions(partitions=1)):
            time.sleep(0.2)
        self.producer.close(5)
        self.producer = KafkaStreamProducer(self.connection, [str(topic) for topic in Topic])
        assert self.producer.wait_until_ready(60)

    def lander(self, **options: int) -> Lander:
        return Lander(self.warehouse, self.reader, FrozenClock(), LandingOptions(**options))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("landing")
    with (
        running_kafka(folder / "kafka") as bootstrap,
        running_clickhouse(folder / "clickhouse") as server,
    ):
        connection = KafkaConnection(bootstrap)
        ensure_topics(connection, TopicOptions(partitions=1))
        producer = KafkaStreamProducer(connection, [str(topic) for topic in Topic])
        assert producer.wait_until_ready(60)
        warehouse = Warehouse.connect(server.url, "pipeline", server.pipeline_password)
        Migrator(warehouse).up()
        address = server.url.replace("http://", f"http://pipeline:{server.pipeline_password}@")
        reader = KafkaReader(connection)
        built = Servers(connection, producer, reader, warehouse, address)
        yield built
        built.reader.close()
        built.producer.close(5)


def test_what_kafka_holds_lands_once_and_only_once(servers: Servers) -> None:
    servers.fresh_topic()
    first = NOON + 43_200_000 - 2
    for index in range(4):
        servers.send(3, first + index, first=index * 2)
    servers.send(
        2,
        first + 9,
        body=b'{"batch":[{"type":"track","n":1e400},{"type":"track","messageId":"x","userId":"u"}]}',
    )
    report = servers.lander(range_records=2).land()
    assert [r.landing_range.end for r in report.ranges] == [2, 4, 5]
    assert servers.lander().land().ranges == []
    ids = servers.warehouse.rows("SELECT message_id FROM clean.events ORDER BY 1")
    assert ids == [(f"m{n}",) for n in range(9)] + [("x",)]
    assert servers.warehouse.scalar("SELECT count() FROM clean.duplicates") == 3
    assert servers.warehouse.scalar("SELECT count() FROM clean.failed") == 1
    assert all(entry.offsets_behind == 0 for entry in lag(servers.warehouse, servers.reader))


def test_the_reader_stops_at_its_bounds_and_goes_on_after_them(servers: Servers) -> None:
    servers.fresh_topic()
    for index in range(7):
        servers.send(1, NOON + index, first=100 + index)

    def read(
        start: int, end: int, max_bytes: int = NO_BOUND, max_records: int = NO_BOUND
    ) -> list[int]:
        found = servers.reader.read(
            Topic.EVENTS, 0, start, end, max_bytes=max_bytes, max_records=max_records
        )
        return [record.offset for record in found]

    (span,) = servers.reader.spans([Topic.EVENTS])
    assert (span.begin, span.end) == (0, 7)
    assert read(0, 7, max_records=3) == [0, 1, 2]
    assert read(3, 7, max_bytes=1) == [3]
    assert read(4, 6) == [4, 5]
    assert read(1, 3) == [1, 2]
    assert read(7, 7) == []
    with pytest.raises(SinkUnavailable, match="no topic"):
        servers.reader.spans(["nothing.v1"])


def test_records_that_retention_removed_are_a_gap_until_a_person_accepts_it(
    servers: Servers,
) -> None:
    servers.fresh_topic()
    for index in range(6):
        servers.send(1, NOON + index, first=200 + index)
    servers.lander(range_records=2).land(until={(Topic.EVENTS, 0): 2})
    admin = KafkaAdminClient(**servers.connection.client_arguments())
    admin.delete_records({TopicPartition(str(Topic.EVENTS), 0): 4})
    admin.close()
    servers.reader.close()  # what it read ahead is not lost: only a new connection meets the gap
    with pytest.raises(StreamGap):
        list(servers.reader.read(Topic.EVENTS, 0, 2, 6, max_bytes=NO_BOUND, max_records=NO_BOUND))
    with pytest.raises(StreamGap, match=r"events\.v1/0 \[2, 4\)"):
        servers.lander().land()
    accept_gap(servers.warehouse, servers.reader, FrozenClock(), Topic.EVENTS, 0, "a test")
    servers.lander().land()
    kept = servers.warehouse.rows(
        "SELECT message_id FROM clean.events WHERE message_id LIKE 'm20%' ORDER BY 1"
    )
    assert kept == [("m200",), ("m201",), ("m204",), ("m205",)]


def test_a_topic_created_anew_lands_from_its_first_offset(servers: Servers) -> None:
    servers.fresh_topic()
    servers.send(1, NOON, first=300)
    servers.lander().land()
    servers.fresh_topic()
    servers.send(1, NOON + 1, first=301)
    servers.lander().land()
    kept = servers.warehouse.rows(
        "SELECT message_id, offset FROM clean.events WHERE message_id LIKE 'm30%' ORDER BY 1"
    )
    assert kept == [("m300", 0), ("m301", 0)]


def test_a_broker_that_is_away_is_an_error_that_may_be_tried_again() -> None:
    reader = KafkaReader(KafkaConnection("127.0.0.1:9"), request_timeout_s=2)
    with pytest.raises(SinkUnavailable):
        reader.spans([Topic.EVENTS])


@pytest.mark.kill
@pytest.mark.timeout(1800)
def test_killed_at_the_server_the_repeat_gives_the_same_rows(
    servers: Servers, tmp_path: Path
) -> None:
    cases = run_cases(tmp_path, server=servers.warehouse_address, step=9, offset=3)
    Migrator(servers.warehouse).up()
    assert len(cases) > 5
    assert differences(cases) == []


def test_one_holder_at_a_time_and_a_lost_session_is_noticed() -> None:
    from sqlalchemy import text

    from unmogrowp.control.database import build_engine

    with open_folder("unmogrowp-lock-") as folder, running_postgres(folder) as url:
        with pipeline_lock(url) as held:
            held.verify()
            with pytest.raises(ControlUnavailable, match="another"), pipeline_lock(url, wait_s=0.3):
                pass
        with pipeline_lock(url, wait_s=0) as held:
            engine = build_engine(url)
            with engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks"
                        " WHERE locktype = 'advisory' AND pid != pg_backend_pid()"
                    )
                )
            engine.dispose()
            with pytest.raises(ControlUnavailable, match="lost"):
                held.verify()
