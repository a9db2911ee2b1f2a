"""Landing against the engine's own loader: Kafka to clean tables, and JSONEachRow of the same.

The subject does everything: it reads the stream, keeps the bodies, splits and types them, looks for
copies in the 30 days before, checks the contract, publishes and writes its ledger. Two floors get
the same items as lines, one INSERT … FORMAT JSONEachRow with a deduplication token per range:

- text: eight columns sorted like clean.events, properties and context kept as text. The least.
- typed: the same, with the fields of the context that clean.events has as typed columns. The most
  the loader can do by itself.

Neither keeps the bodies, looks for copies, corrects times or reads a stream; their lines are in
memory when the clock starts. Processor seconds are those of the warehouse and of this process; the
broker's count for nobody. On a busy machine they say more than events per second.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from typing import Any

import msgspec
import psutil

from benchmarks.harness import Comparison, arguments, in_turns, machine, report
from benchmarks.landing_traffic import make_bodies
from local_stack.clickhouse.alone import RunningServer, started_clickhouse
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
_FLOOR_COLUMNS = """
    type LowCardinality(String), event LowCardinality(String), messageId String,
    anonymousId String, userId String, timestamp DateTime64(3, 'UTC'),
    properties String CODEC(ZSTD(1)),
"""
_FLOOR_ENGINE = """
ENGINE = MergeTree
ORDER BY (event, anonymousId, timestamp, messageId)
SETTINGS non_replicated_deduplication_window = 10000
"""
FLOORS = {
    "text": f"({_FLOOR_COLUMNS} context String CODEC(ZSTD(1))) {_FLOOR_ENGINE}",
    "typed": f"""({_FLOOR_COLUMNS}
    context Tuple(
        app Tuple(version LowCardinality(String)),
        device Tuple(id String, model LowCardinality(String), type LowCardinality(String)),
        os Tuple(name LowCardinality(String), version LowCardinality(String)),
        library Tuple(name LowCardinality(String), version LowCardinality(String)),
        locale LowCardinality(String))) {_FLOOR_ENGINE}""",
}
FLOOR_INSERT: dict[str, Any] = {
    "input_format_json_read_objects_as_strings": 1,
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 1,
    "async_insert": 0,
}
Bodies = Sequence[tuple[bytes, int]]


class Bench:
    """A broker, a warehouse, and traffic that is new in every run."""

    def __init__(
        self, bootstrap: str, server: RunningServer, server_pid: int, seed: int, events: int
    ) -> None:
        self.connection = KafkaConnection(bootstrap)
        ensure_topics(self.connection, TopicOptions(partitions=1))
        self.producer = KafkaStreamProducer(self.connection, [str(topic) for topic in Topic])
        self.producer.wait_until_ready(30)
        self.warehouse = Warehouse.connect(server.url, "pipeline", server.pipeline_password)
        Migrator(self.warehouse).up()
        for name, definition in FLOORS.items():
            self.warehouse.execute(f"CREATE TABLE staging.floor_{name} {definition}")
        self.server = psutil.Process(server_pid)
        self.cpu: dict[str, list[float]] = {"landing": [], "text": [], "typed": []}
        self.options = LandingOptions()
        self.reader = KafkaReader(self.connection)
        self.lander = Lander(self.warehouse, self.reader, SystemClock(), self.options)
        self.seed = seed
        self.events = events
        self._made: tuple[int, Bodies] = (-1, [])
        self.start_ms = SystemClock().now_ms() - 3 * DAY_MS

    def bodies(self, run: int) -> Bodies:
        """Return the traffic of one run; the same run gives the same bytes."""
        if self._made[0] != run:
            start = self.start_ms + run * self.events
            seed = self.seed * 1000 + run
            self._made = run, list(make_bodies(self.events // BATCH, BATCH, start, seed=seed))
        return self._made[1]

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
        with self._measured("landing") as seconds:
            landed = self.lander.land()
        if landed.total("events") != self.events:
            raise RuntimeError(f"{landed.total('events')} events landed, not {self.events}")
        return self.events / seconds[0]

    def insert(self, floor: str, run: int) -> float:
        """Return events per second of the engine's own loader."""
        chunks = list(self._ndjson(self.bodies(run)))
        with self._measured(floor) as seconds:
            for number, chunk in enumerate(chunks):
                self.warehouse._client.raw_insert(
                    f"staging.floor_{floor}",
                    insert_block=chunk,
                    fmt="JSONEachRow",
                    settings={**FLOOR_INSERT, "insert_deduplication_token": f"{run}/{number}"},
                )
        return self.events / seconds[0]

    @contextmanager
    def _measured(self, what: str) -> Iterator[list[float]]:
        """Give the seconds a block took, and note its processor seconds per million events."""
        seconds: list[float] = []
        cpu, began = self._cpu_seconds(), time.perf_counter()
        yield seconds
        seconds.append(time.perf_counter() - began)
        self.cpu[what].append((self._cpu_seconds() - cpu) * 1e6 / self.events)

    def last_cpu(self) -> str:
        """Return the processor seconds of the last run of each, in words."""
        seconds = ", ".join(f"{name} {values[-1]:.1f}" for name, values in self.cpu.items())
        return f"(CPU s per M events: {seconds})"

    def _cpu_seconds(self) -> float:
        return sum(self.server.cpu_times()[:2]) + time.process_time()

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
        started_clickhouse(Path(folder) / "clickhouse") as (server, process),
    ):
        bench = Bench(bootstrap, server, process.pid, options.seed, options.events)
        bench.land(0)  # warm: code, caches, first parts
        for floor in FLOORS:
            bench.insert(floor, 0)
        for values in bench.cpu.values():
            values.clear()
        typed: list[float] = []

        def floors(run: int) -> float:
            typed.append(bench.insert("typed", run + 1))
            return bench.insert("text", run + 1)

        text = in_turns(
            Comparison("landing", "Kafka to clean", "JSONEachRow as text", "events/s"),
            lambda run: bench.land(run + 1),
            floors,
            options.runs,
            lambda line: print(line, bench.last_cpu(), file=sys.stderr, flush=True),
        )
        text.note = "target: at least 300,000 events/s and a ratio of 0.8"
        bench.reader.close()
        bench.producer.close(5)
    report(
        [text, *_further(text, typed, bench.cpu)],
        machine(["chdb", "kafka-python", "clickhouse-connect", "pyarrow"]),
        options.json,
    )


def _further(text: Comparison, typed: list[float], cpu: dict[str, list[float]]) -> list[Comparison]:
    """Return what the same runs say of the typed floor and of processor seconds."""
    further = [
        replace(
            text, name="landing, typed", floor="JSONEachRow, typed", floor_values=typed, note=""
        )
    ]
    for floor in FLOORS:
        further.append(
            Comparison(
                f"landing, processor, {floor}",
                "Kafka to clean",
                f"JSONEachRow, {floor}",
                "CPU s per M events",
                cpu["landing"],
                cpu[floor],
                is_higher_better=False,
            )
        )
    return further


if __name__ == "__main__":
    main()
