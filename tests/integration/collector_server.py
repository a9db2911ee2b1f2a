"""A real collector of two workers on a real broker and PostgreSQL, and clients that keep count."""

import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from local_stack import valkey
from local_stack.kafka import running_kafka
from local_stack.ports import any_free_port
from local_stack.postgres import running_postgres
from unmogrowp.contracts.topics import Topic
from unmogrowp.control import apps
from unmogrowp.control.database import build_engine, session, upgrade
from unmogrowp.control.key_hash import ensure_pepper
from unmogrowp.stream.kafka_admin import TopicOptions, ensure_topics
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.stream.port import StreamRecord

PROJECT = Path(__file__).parent.parent.parent
LARGE = 10**9
VALKEY_PASSWORD = "only-for-tests"  # pragma: allowlist secret


class Server:
    """The processes, and what tests do to them; a context manager."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.port = any_free_port()
        self._environment = environment
        self._stack = ExitStack()
        self._postgres: ExitStack | None = None
        self._postgres_port = any_free_port()
        self.collector: subprocess.Popen[bytes] | None = None
        self._valkey_port = any_free_port()
        self.valkey: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start_valkey()
        self.bootstrap = self._stack.enter_context(running_kafka(self.folder / "kafka"))
        self.postgres_url = self.start_postgres()
        ensure_topics(KafkaConnection(self.bootstrap), TopicOptions())
        upgrade(self.postgres_url)
        self.app_id, self.key_id, self.write_key = self.create_app()
        self.start_collector()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.signal_broker(signal.SIGCONT)
        self.stop_collector()
        self.stop_postgres()
        self.kill_valkey()
        self._stack.close()

    def start_postgres(self) -> str:
        self._postgres = ExitStack()
        return self._postgres.enter_context(
            running_postgres(self.folder / "postgres", self._postgres_port)
        )

    def stop_postgres(self) -> None:
        if self._postgres is not None:
            self._postgres.close()
            self._postgres = None

    def start_valkey(self) -> None:
        command = valkey.prepare(self.folder / "valkey", self._valkey_port, VALKEY_PASSWORD)
        log = (self.folder / "valkey.log").open("ab")
        self.valkey = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        log.close()
        url = f"redis://127.0.0.1:{self._valkey_port}/0"
        self.wait_until(lambda: valkey.is_ready(url, VALKEY_PASSWORD), 20)

    def kill_valkey(self) -> None:
        if self.valkey is not None:
            self.valkey.kill()
            self.valkey.wait()
            self.valkey = None

    def _control(self, change: Callable[[Any, apps.Actor], Any]) -> Any:
        engine = build_engine(self.postgres_url)
        actor = apps.Actor("test", datetime.now(UTC), ensure_pepper(self.home / "secrets"))
        try:
            with session(engine) as opened:
                return change(opened, actor)
        finally:
            engine.dispose()

    def create_app(self) -> tuple[str, str, str]:
        key = self._control(lambda opened, actor: apps.create_app(opened, actor, "test"))
        return key.app_id, key.key_id, key.write_key

    def revoke_key(self, key_id: str) -> None:
        self._control(lambda opened, actor: apps.revoke_key(opened, actor, key_id).key_id)

    def start_collector(self) -> None:
        environment = {
            **os.environ,
            "UNMOGROWP_HOME": str(self.home),
            "UNMOGROWP_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "UNMOGROWP_POSTGRES__URL": self.postgres_url,
            "UNMOGROWP_REDIS__URL": f"redis://127.0.0.1:{self._valkey_port}/0",
            "UNMOGROWP_REDIS__PASSWORD": VALKEY_PASSWORD,
            "UNMOGROWP_COLLECTOR__PORT": str(self.port),
            "UNMOGROWP_COLLECTOR__MIN_FREE_DISK_BYTES": "0",
            **self._environment,
        }
        log = (self.folder / "collector.log").open("ab")
        self.collector = subprocess.Popen(
            [sys.executable, "-m", "ingest_api"],
            cwd=PROJECT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()
        # Each worker has its own readiness, and the kernel chooses whom one asks.
        ready = 0
        deadline = time.monotonic() + 60
        while ready < 12:
            ready = ready + 1 if self.answer("GET", "/v1/health/ready")[0] == 200 else 0
            assert time.monotonic() < deadline, "the collector does not become ready"
            time.sleep(0.02 if ready else 0.2)

    def stop_collector(self) -> int:
        """End the collector in order; return its exit code."""
        collector, self.collector = self.collector, None
        if collector is None:
            return 0
        collector.terminate()
        return collector.wait(90)

    def workers(self) -> list[psutil.Process]:
        assert self.collector is not None
        return psutil.Process(self.collector.pid).children()

    def signal_broker(self, number: signal.Signals) -> None:
        for process in psutil.Process().children(recursive=True):
            if "kafka.Kafka" in process.cmdline():
                process.send_signal(number)

    @staticmethod
    def wait_until(condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.1)

    def answer(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request over a connection of its own; (0, …) when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            connection.close()

    def authorization(self, write_key: str = "") -> dict[str, str]:
        encoded = b64encode(f"{write_key or self.write_key}:".encode()).decode()
        return {"Authorization": f"Basic {encoded}"}

    def records(self, topic: Topic = Topic.EVENTS) -> list[StreamRecord]:
        """Return every record of a topic as landing would read it."""
        reader = KafkaReader(KafkaConnection(self.bootstrap))
        try:
            return [
                record
                for span in reader.spans([str(topic)])
                for record in reader.read(
                    str(topic), span.partition, span.begin, span.end,
                    max_bytes=LARGE, max_records=LARGE,
                )
            ]  # fmt: skip
        finally:
            reader.close()

    def message_ids(self, app_id: str = "") -> Counter[str]:
        """Return how often each message id is in the stream."""
        found: Counter[str] = Counter()
        for record in self.records():
            headers = dict(record.headers)
            if headers["app_id"].decode() == (app_id or self.app_id):
                found.update(item["messageId"] for item in json.loads(record.value)["batch"])
        return found

    def reports(self) -> list[dict[str, Any]]:
        """Return every report of every boot."""
        return [json.loads(record.value) for record in self.records(Topic.COLLECTOR_STATS)]


@dataclass
class Clients:
    """Threads that send batches and remember what was acknowledged."""

    server: Server
    count: int = 8
    batch: int = 20
    pad: int = 300
    acknowledged: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    slowest_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(self.count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        headers = {**self.server.authorization(), "Content-Encoding": "gzip"}
        while not self._stopping.is_set():
            ids = [uuid.uuid4().hex for _ in range(self.batch)]
            items = [
                {"type": "track", "event": "x", "userId": "u", "messageId": message_id,
                 "properties": {"pad": os.urandom(self.pad // 2).hex()}}
                for message_id in ids
            ]  # fmt: skip
            body = gzip.compress(json.dumps({"batch": items}).encode(), 1)
            began = time.monotonic()
            status, found, _ = self.server.answer("POST", "/v1/batch", body, headers)
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
            self.statuses[status] += 1
            if status == 200:
                self.acknowledged.extend(ids)
            elif status == 503:
                self.without_retry_after += "retry-after" not in found
                time.sleep(0.05)
