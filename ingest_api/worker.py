"""One collector process: its own listening socket, its own producer, its own key snapshot."""

import ctypes
import gc
import logging
import os
import signal
import socket
import sys

import uvicorn

from ingest_api.app import create_app
from ingest_api.connections import protocol_of
from ingest_api.keys import KeyRefresher, KeyRing, Snapshot, read_registry
from ingest_api.leases import Valkey
from ingest_api.options import CollectorOptions
from ingest_api.rates import RateLimits
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.receipts import receipt_secret
from unmogrowp.contracts.topics import Topic
from unmogrowp.control.database import build_engine
from unmogrowp.control.key_hash import ensure_pepper
from unmogrowp.errors import ControlUnavailable
from unmogrowp.settings import Settings
from unmogrowp.stream.kafka_producer import KafkaStreamProducer, ProducerOptions

logger = logging.getLogger(__name__)

BACKLOG = 4096
# The event loop and Kafka's sender share one interpreter. By default a thread that waits for the
# other gets its turn after 5 ms, several times for each request to the broker.
SWITCH_SECONDS = 0.0005
_PR_SET_PDEATHSIG = 1


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound socket of a port that several processes share (SO_REUSEPORT).

    The kernel spreads connections over the listeners; one shared listener would give most of
    them to the worker that happens to wake first.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((host, port))
    return opened


def options_of(settings: Settings, slot: int) -> CollectorOptions:
    """Return what the worker in a slot is told."""
    collector = settings.collector
    # Quotas are for all workers together; the budget of memory is per worker.
    share = max(1, collector.workers)
    return CollectorOptions(
        collector_id=f"{socket.gethostname()}-{slot}",
        home=settings.home,
        limits=Limits(
            max_wire_bytes=collector.max_wire_bytes,
            max_unpacked_bytes=collector.max_unpacked_bytes,
            max_items=collector.max_items,
            max_item_bytes=collector.max_item_bytes,
            max_depth=collector.max_depth,
        ),
        in_flight_bytes=collector.in_flight_bytes,
        ack_timeout_ms=collector.ack_timeout_ms,
        retry_after_seconds=collector.retry_after_seconds,
        dead_letter_daily_bytes=collector.dead_letter_daily_bytes // share,
        dead_letter_total_daily_bytes=collector.dead_letter_total_daily_bytes // share,
        min_free_disk_bytes=collector.min_free_disk_bytes,
        stats_interval_seconds=collector.stats_interval_seconds,
        rates=RateLimits(
            events_per_key=collector.rate_events_per_key,
            touches_per_app=collector.rate_touches_per_app,
            strangers_per_address=collector.rate_strangers_per_address,
            burst_seconds=collector.rate_burst_seconds,
        ),
        trusted_proxies=frozenset(collector.trusted_proxies),
    )


def run_worker(settings: Settings, slot: int, port: int) -> int:
    """Serve until SIGTERM: stop accepting, answer what was begun, flush, report, end."""
    die_with_parent()
    # uvicorn handles signals while it serves and afterwards raises them once more: by then the
    # way out is under way and must not be cut short.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    collector = settings.collector
    pepper = ensure_pepper(settings.home / "secrets")
    sink = KafkaStreamProducer(
        settings.kafka.connection(),
        [str(topic) for topic in Topic],
        ProducerOptions(
            compression=collector.compression,
            linger_ms=collector.linger_ms,
        ),
    )
    ring = KeyRing(pepper)
    if settings.postgres.url:
        password = settings.postgres.password.get_secret_value()
        engine = build_engine(settings.postgres.url, password, connect_timeout_s=2)

        def read(known_version: int) -> Snapshot | None:
            return read_registry(engine, known_version)
    else:

        def read(known_version: int) -> Snapshot | None:
            del known_version
            raise ControlUnavailable("no PostgreSQL URL is set")

    file = settings.home / "collector" / f"keys-{slot}.json"
    refresher = KeyRefresher(ring, read, file, collector.key_refresh_seconds)
    valkey = None
    if settings.redis.url:
        valkey = Valkey(settings.redis.url, settings.redis.password.get_secret_value())
    app = create_app(
        options_of(settings, slot),
        sink,
        ring,
        receipt_secret=receipt_secret(pepper),
        refresher=refresher,
        ask_for_tokens=valkey.ask if valkey else None,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=protocol_of(app.intake),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=int(collector.shutdown_timeout_seconds),
        )
    )
    # What exists now lives until the end: the collector of cycles need not look at it again, and
    # requests make few cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    opened = listening_socket(collector.host, port)
    try:
        server.run(sockets=[opened])
    finally:
        refresher.close()
        sink.close(5.0)
    return 0 if server.started else 1


def die_with_parent() -> None:
    """End with the parent, however it ends; a worker alone would keep the port."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == 1 and os.environ.get("UNMOGROWP_COLLECTOR_PARENT", "1") != "1":
        sys.exit(1)
