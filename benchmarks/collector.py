"""How fast the collector takes events, against a bare ASGI app that only forwards to Kafka.

    scripts/bench collector [--runs N] [--seconds S] [--json FILE]

Real broker (acks=all), real PostgreSQL for the keys, two workers, wrk with two threads, all on
this machine. Bodies are seeded and varied, about 450 bytes an event: equal ones would flatter the
compression. The floor is measured in turns with the collector.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.harness import Comparison, arguments, in_turns, machine, report
from local_stack.kafka import running_kafka
from local_stack.ports import any_free_port
from local_stack.postgres import running_postgres
from unmogrowp.clock import SystemClock, utc
from unmogrowp.control import apps
from unmogrowp.control.database import build_engine, session, upgrade
from unmogrowp.control.key_hash import ensure_pepper
from unmogrowp.errors import ConfigurationError
from unmogrowp.stream.kafka_admin import TopicOptions, ensure_topics
from unmogrowp.stream.kafka_connection import KafkaConnection

WORKERS = 2
BATCH = 100
LUA = Path(__file__).with_suffix(".lua")
EVENTS = ("Application Opened", "Order Completed", "Level Finished", "Product Viewed", "Sign Up")
MODELS = ("iPhone15,2", "Pixel 8", "SM-S921B", "iPad14,1", "Redmi Note 13")


def event(rng: random.Random) -> dict[str, Any]:
    """Return one made-up event of about 450 bytes."""
    return {
        "messageId": f"{rng.getrandbits(128):032x}",
        "type": "track",
        "event": rng.choice(EVENTS),
        "anonymousId": f"{rng.getrandbits(64):016x}",
        "timestamp": f"2026-11-{rng.randrange(1, 23):02}T{rng.randrange(24):02}:"
        f"{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(1000):03}Z",
        "context": {
            "device": {
                "id": f"{rng.getrandbits(64):016x}",
                "model": rng.choice(MODELS),
                "type": "ios",
            },
            "os": {"name": "iOS", "version": f"{rng.randrange(14, 19)}.{rng.randrange(6)}"},
            "library": {"name": "analytics-ios", "version": "4.1.8"},
            "locale": "en-GB",
        },
        "properties": {
            "revenue": round(rng.random() * 90, 2),
            "currency": "EUR",
            "order_id": f"{rng.getrandbits(48):x}",
            "level": rng.randrange(100),
        },
    }


def write_bodies(file: Path, seed: int, *, count: int, events: int) -> float:
    """Write bodies for wrk; return the mean bytes of an event."""
    rng = random.Random(seed)
    size = 0
    with file.open("wb") as opened:
        for _ in range(count):
            items = [event(rng) for _ in range(events)]
            content: Any = items[0]
            if events > 1:
                content = {"batch": items, "sentAt": "2026-11-23T00:00:00.000Z"}
            body = json.dumps(content, separators=(",", ":")).encode()
            size += len(body)
            opened.write(f"{len(body):08x}".encode() + body)
    return size / count / events


def load(url: str, bodies: Path, key: str, *, connections: int, seconds: int) -> dict[str, int]:
    """Run wrk once; return its figures.

    Raises:
        ConfigurationError: wrk is missing, or requests failed: then no figure means anything.
    """
    program = shutil.which("wrk")
    if program is None:
        raise ConfigurationError("wrk is missing: apt-get install wrk (a Debian package)")
    authorization = "Basic " + b64encode(f"{key}:".encode()).decode()
    command = [program, "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(LUA), url, "--", str(bodies), authorization]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures: dict[str, int] = json.loads(output.strip().splitlines()[-1])
    if figures["bad_status"] or figures["socket_errors"]:
        raise ConfigurationError(f"requests failed: {figures}")
    return figures


@contextmanager
def processes(
    commands: list[list[str]], environment: dict[str, str], url: str
) -> Iterator[Callable[[], float]]:
    """Run processes until the end of the block; wait until `url` answers.

    Gives a function that returns the CPU seconds they and their children have taken so far.
    """
    started = [
        subprocess.Popen(command, env={**os.environ, **environment}, start_new_session=True)
        for command in commands
    ]
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(
                    url, timeout=2, data=None if "health" in url else b"{}"
                ):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise ConfigurationError(f"nothing answers at {url}")
        parents = [psutil.Process(one.pid) for one in started]
        members = [*parents, *(child for parent in parents for child in parent.children())]
        yield lambda: sum(sum(one.cpu_times()[:2]) for one in members)
    finally:
        for one in started:
            one.send_signal(signal.SIGTERM)
        for one in started:
            one.wait(30)


def main() -> int:
    """Measure batches and single events in turns with the floor."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=int, default=5, help="of one run (default 5)")
    parser.add_argument("--only", choices=("batch", "single", "single512"), default=None)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-collector-")))
        print("starting Kafka and PostgreSQL …", file=sys.stderr)
        bootstrap = stack.enter_context(running_kafka(folder / "kafka"))
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        ensure_topics(KafkaConnection(bootstrap), TopicOptions(retention_hours=1))
        upgrade(postgres)
        home = folder / "home"
        actor = apps.Actor("bench", utc(SystemClock().now_ms()), ensure_pepper(home / "secrets"))
        with session(build_engine(postgres)) as opened:
            key = apps.create_app(opened, actor, "bench").write_key
        port, floor_port = any_free_port(), any_free_port()
        environment = {
            "UNMOGROWP_HOME": str(home),
            "UNMOGROWP_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "UNMOGROWP_POSTGRES__URL": postgres,
            "UNMOGROWP_COLLECTOR__PORT": str(port),
            "UNMOGROWP_COLLECTOR__WORKERS": str(WORKERS),
        }
        url, floor_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{floor_port}"
        cpu_of = {}
        cpu_of[url] = stack.enter_context(
            processes([[sys.executable, "-m", "ingest_api"]], environment, f"{url}/v1/health/ready")
        )
        floor_command = [sys.executable, "-m", "benchmarks.collector_floor"]
        floor_command += ["--bootstrap", bootstrap, "--port", str(floor_port)]
        cpu_of[floor_url] = stack.enter_context(
            processes([floor_command] * WORKERS, environment, floor_url)
        )
        comparisons = []
        for name, path, events, count, connections in (
            ("batch", "/v1/batch", BATCH, 400, 64),
            ("single", "/v1/track", 1, 20_000, 64),
            ("single512", "/v1/track", 1, 20_000, 512),
        ):
            if chosen.only not in (None, name):
                continue
            bodies = folder / f"{name}.bodies"
            size = write_bodies(bodies, chosen.seed, count=count, events=events)
            p99: dict[str, list[float]] = {url: [], floor_url: []}
            cpu: dict[str, list[float]] = {url: [], floor_url: []}

            def measure(
                base: str,
                _run: int,
                path: str = path,
                bodies: Path = bodies,
                connections: int = connections,
                events: int = events,
                p99: dict[str, list[float]] = p99,
                cpu: dict[str, list[float]] = cpu,
            ) -> float:
                before = cpu_of[base]()
                figures = load(
                    base + path, bodies, key, connections=connections, seconds=chosen.seconds
                )
                p99[base].append(figures["p99_us"] / 1000)
                cpu[base].append((cpu_of[base]() - before) * 1e6 / figures["requests"])
                return figures["requests"] * events / figures["duration_us"] * 1e6

            for base in (url, floor_url):
                measure(base, -1)  # warm up: connections, caches, the broker's log segment
            for values in (p99, cpu):
                values[url].clear()
                values[floor_url].clear()
            comparison = in_turns(
                Comparison(
                    name=f"{name}, {connections} connections, {size:.0f} bytes an event",
                    subject="collector",
                    floor="bare ASGI to Kafka",
                    unit="events/s",
                ),
                partial(measure, url),
                partial(measure, floor_url),
                chosen.runs,
                lambda line: print(line, file=sys.stderr),
            )
            comparison.note = (
                f"p99 {median(p99[url]):.0f} ms; CPU a request {median(cpu[url]):.0f} µs "
                f"against {median(cpu[floor_url]):.0f} µs"
            )
            comparisons.append(comparison)
        versions = ("uvicorn", "uvloop", "httptools", "msgspec", "kafka-python", "lz4", "crc32c")
        report(comparisons, machine(versions), chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
