"""Landing against the engine's own loader: Kafka to clean tables, and JSONEachRow of the same.

The subject does everything: it reads the stream, keeps the bodies, splits and types them, looks for
copies in the 30 days before, checks the contract, publishes and writes its ledger. The floor is one
INSERT … FORMAT JSONEachRow per range of the same items into a table sorted like clean.events, with
properties and context kept as text: no typing of the context, no raw copy, no deduplication.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Semaphore
from typing import Any

import msgspec

from benchmarks.harness import Comparison, arguments, in_turns, machine, report
from benchmarks.landing_traffic import make_bodies
from local_stack.clickhouse.alone import RunningServer, running_clickhouse
from local_stack.kafka import running_kafka
from unmogrowp.clock import SystemClock
from unmogrowp.contracts.topics import Header, Topic
from unmogrowp.landing.land import Lander
from unmogrowp.landing.options import LandingOptions
from unmogrowp.stream.kafka_admin import TopicOptions, ensure_topics
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.kafka_producer import KafkaStreamProducer
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator

BATCH = 100
DAY_MS = 86_400_000
FLOOR_TABLE = """
CREATE TABLE staging.floor
(
    type LowCardinality(String), event LowCardinality(String), messageId String,
    anonymousId String, userId String, timestamp DateTime64(3, 'UTC'),
    properties String CODEC(ZSTD(1)), context String CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (event, anonymousId, timestamp, messageId)
SETTINGS non_replicated_deduplication_window = 10000
"""
FLOOR_INSERT: dict[str, Any] = {
    "input_format_json_read_objects_as_strings": 1,
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 1,
    "async_insert": 0,
}
Bodies = Sequence[tuple[bytes, int]]


class Bench:
    """A broker, a warehouse, and traffic that is new in every run."""

    def __init__(self, bootstrap: str, server: RunningServer, seed: int, events: int) -> None:
        self.connection = KafkaConnection(bootstrap)
        ensure_topics(self.connection, TopicOptions(partitions=1))
        self.producer = KafkaStreamProducer(self.connection, [str(topic) for topic in Topic])
        self.producer.wait_until_ready(30)
        self.warehouse = Warehouse.connect(server.url, "pipeline", server.pipeline_password)
        Migrator(self.warehouse).up()
        self.warehouse.execute(FLOOR_TABLE)
        self.options = LandingOptions()
        self.reader = KafkaReader(self.connection)
        self.lander = Lander(self.warehouse, self.reader, SystemClock(), self.options)
        self.seed = seed
        self.events = events
        self.start_ms = SystemClock().now_ms() - 3 * DAY_MS

    def bodies(self, run: int) -> Bodies:
        """Return the traffic of one run; the same run gives the same bytes."""
        start = self.start_ms + run * self.events
        return list(make_bodies(self.events // BATCH, BATCH, start, seed=self.seed * 1000 + run))

    def produce(self, bodies: Bodies) -> None:
        """Put the bodies on the stream, as the collector would."""
        done = Semaphore(0)
        for number, (body, received) in enumerate(bodies):
            headers = {
                Header.VERSION: "1",
                Header.DIALECT: "segment",
                Header.PATH: "/v1/batch",
                Header.APP_ID: "bench",
                Header.KEY_ID: "key",
                Header.RECEIVED_AT: str(received),
                Header.REQUEST_ID: f"{received}-{number}",
                Header.ITEM_COUNT: str(BATCH),
                Header.WIRE_BYTES: str(len(body)),
                Header.IP_PREFIX: "203.0.113.0/24",
                Header.IP_HASH: "hash",
                Header.USER_AGENT: "okhttp/4.9",
            }
            self.producer.send(
                Topic.EVENTS,
                b"k",
                body,
                [(name, value.encode()) for name, value in headers.items()],
                lambda _placement, _error: done.release(),
            )
        for _ in bodies:
            done.acquire()

    def land(self, run: int) -> float:
        """Return events per second of one landing pass."""
        self.produce(self.bodies(run))
        began = time.perf_counter()
        landed = self.lander.land()
        seconds = time.perf_counter() - began
        if landed.total("events") != self.events:
            raise RuntimeError(f"{landed.total('events')} events landed, not {self.events}")
        return self.events / seconds

    def insert(self, run: int) -> float:
        """Return events per second of the engine's own loader."""
        chunks = list(self._ndjson(self.bodies(run)))
        began = time.perf_counter()
        for number, chunk in enumerate(chunks):
            self.warehouse._client.raw_insert(
                "staging.floor",
                insert_block=chunk,
                fmt="JSONEachRow",
                settings={**FLOOR_INSERT, "insert_deduplication_token": f"{run}/{number}"},
            )
        return self.events / (time.perf_counter() - began)

    def _ndjson(self, bodies: Bodies) -> Iterator[bytes]:
        """Yield the items as lines, in chunks of the size of a range."""
        lines: list[bytes] = []
        size = 0
        for body, _ in bodies:
            fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            items = msgspec.json.decode(fields["batch"], type=list[msgspec.Raw])
            lines.extend(bytes(item) for item in items)
            size += len(body)
            if size > self.options.range_bytes:
                yield b"\n".join(lines)
                lines, size = [], 0
        if lines:
            yield b"\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=300_000, help="per run (default 300000)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="unmogrowp-bench-") as folder,
        running_kafka(Path(folder) / "kafka") as bootstrap,
        running_clickhouse(Path(folder) / "clickhouse") as server,
    ):
        bench = Bench(bootstrap, server, options.seed, options.events)
        bench.land(0)  # warm: code, caches, first parts
        bench.insert(0)
        comparison = in_turns(
            Comparison("landing", "Kafka to clean", "JSONEachRow", "events/s"),
            lambda run: bench.land(run + 1),
            lambda run: bench.insert(run + 1),
            options.runs,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
        comparison.note = "target: at least 300,000 events/s and a ratio of 0.8"
        bench.reader.close()
        bench.producer.close(5)
    report(
        [comparison],
        machine(["chdb", "kafka-python", "clickhouse-connect", "pyarrow"]),
        options.json,
    )


if __name__ == "__main__":
    main()
