"""The collector's application: hot routes first, everything else by FastAPI."""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ingest_api.answers import refusal
from ingest_api.asgi import answer_request
from ingest_api.authentication import Authenticator
from ingest_api.delivery import Delivery
from ingest_api.intake import Intake
from ingest_api.keys import KeyRefresher, KeyRing
from ingest_api.leases import Ask, Leases
from ingest_api.options import CollectorOptions
from ingest_api.rates import Rates
from ingest_api.reports import Reporter
from ingest_api.routes import ROUTES
from ingest_api.statistics import Statistics
from unmogrowp.clock import Clock, SystemClock
from unmogrowp.contracts.receipts import receipt_writer
from unmogrowp.contracts.rejections import RejectionCode
from unmogrowp.stream.port import StreamProducer

logger = logging.getLogger(__name__)
DISK_CHECK_SECONDS = 2.0


class Collector(FastAPI):
    """FastAPI with the hot routes answered before any of its layers."""

    intake: Intake
    delivery: Delivery
    reporter: Reporter
    statistics: Statistics
    leases: Leases | None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer hot routes directly, pass everything else on."""
        if scope["type"] == "http":
            route = ROUTES.get(scope["path"])
            if route is not None:
                await answer_request(self.intake, route, scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def create_app(
    options: CollectorOptions,
    sink: StreamProducer,
    ring: KeyRing,
    *,
    receipt_secret: bytes,
    refresher: KeyRefresher | None = None,
    ask_for_tokens: Ask | None = None,
    clock: Clock | None = None,
) -> Collector:
    """Build one worker's application; nothing is shared with another one but what it is given.

    Without `ask_for_tokens` the rates are this worker's own.
    """
    clock = clock or SystemClock()
    statistics = Statistics(options.collector_id, str(uuid.uuid4()), clock.now_ms())
    delivery = Delivery(sink, statistics, options)
    reporter = Reporter(sink, statistics, delivery, options, clock)
    leases = Leases(ask_for_tokens) if ask_for_tokens is not None else None
    rates = Rates(
        options.rates,
        blake2b(receipt_secret, digest_size=32, person=b"unmogrowp-rate").digest(),
        want=leases.want if leases else None,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        delivery.start()
        watch = asyncio.create_task(_watch_disk(delivery, options), name="disk")
        await reporter.start()
        if leases is not None:
            leases.start()
        await _wait_until_useful(delivery, ring, options.start_wait_seconds)
        yield
        # The server has stopped accepting and answered what it had begun.
        watch.cancel()
        if leases is not None:
            await leases.stop()
        await asyncio.to_thread(sink.flush, options.ack_timeout_ms / 1000)
        await asyncio.sleep(0)
        await reporter.stop()
        await delivery.stop()

    app = Collector(
        title="UnMoGrowP collector",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.statistics = statistics
    app.delivery = delivery
    app.reporter = reporter
    app.leases = leases
    app.intake = Intake(
        options,
        sink,
        Authenticator(ring, refresher),
        rates,
        delivery,
        statistics,
        clock,
        receipt_writer(receipt_secret),
    )

    @app.get("/v1/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/v1/health/ready")
    async def ready() -> Response:
        faults = []
        if not ring.is_loaded:
            faults.append("write keys are not loaded")
        is_taking = sink.is_ready() and delivery.is_open
        if not is_taking or delivery.stalled_ms() > options.stall_ms:
            faults.append("the stream does not take records")
        if delivery.is_disk_low:
            faults.append("the disk is nearly full")
        body = {"status": "not ready" if faults else "ready", "faults": faults}
        return JSONResponse(body, status_code=503 if faults else 200)

    @app.get("/v1/projects/{write_key}/settings")
    async def project_settings(write_key: str, request: Request) -> Response:
        if ring.of_key(write_key) is None:
            return _unauthorized(options)
        host = request.headers.get("host", f"{options.collector_id}")
        destination = {"apiKey": write_key, "apiHost": f"{host}/v1"}
        body = {"integrations": {"Segment.io": destination}, "plan": {"track": {}}}
        return JSONResponse(body, headers={"access-control-allow-origin": "*"})

    return app


def _unauthorized(options: CollectorOptions) -> Response:
    """Return the one answer to every sender that is not known."""
    answer = refusal(RejectionCode.AUTH_UNKNOWN_KEY, "", options.retry_after_seconds)
    response = Response(answer.body, status_code=answer.status)
    response.raw_headers = answer.all_headers()
    return response


async def _wait_until_useful(delivery: Delivery, ring: KeyRing, seconds: float) -> None:
    """Wait a little for stream and keys before the first connection is accepted.

    A worker that comes back shares its port with others who can take what it would have to refuse.
    Where stream or keys stay away, honest answers are better than none.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not (delivery.is_open and ring.is_loaded) and loop.time() < deadline:
        await asyncio.sleep(0.02)


async def _watch_disk(delivery: Delivery, options: CollectorOptions) -> None:
    while True:
        try:
            free = os.statvfs(options.home)
        except OSError:
            delivery.is_disk_low = False  # no such folder yet: nothing of ours fills it
        else:
            is_low = free.f_bavail * free.f_frsize < options.min_free_disk_bytes
            if is_low != delivery.is_disk_low:
                logger.warning("the disk %s", "is nearly full" if is_low else "has room again")
            delivery.is_disk_low = is_low
        await asyncio.sleep(DISK_CHECK_SECONDS)
