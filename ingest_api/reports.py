"""Reports of this worker: at its start, every few seconds, at its end, and when somebody asks.

The first one opens the delivery: the stream knows of every boot that acknowledges anything.

Asked over a Unix socket (`POST /report?received_before=<ms>`), the worker waits until every
request received before that instant has an outcome, so that `sync` leaves no hour out.
"""

import asyncio
import contextlib
import json
import logging
import os
from urllib.parse import parse_qs, urlsplit

from ingest_api.delivery import Delivery
from ingest_api.options import CollectorOptions
from ingest_api.statistics import Statistics
from unmogrowp.clock import Clock
from unmogrowp.contracts.topics import RECORD_VERSION, Header, Topic
from unmogrowp.errors import SinkUnavailable
from unmogrowp.stream.port import Placement, StreamProducer

logger = logging.getLogger(__name__)

_TOPIC = str(Topic.COLLECTOR_STATS)
_POLL_SECONDS = 0.02
# Between two tries of the first report, while the stream is away.
_FIRST_POLL_SECONDS = 0.1
# A worker that idles says so once a minute: a report is also a sign of life.
_IDLE_SECONDS = 60.0


class Reporter:
    """Sends the reports of one worker and answers its control socket."""

    def __init__(
        self,
        sink: StreamProducer,
        statistics: Statistics,
        delivery: Delivery,
        options: CollectorOptions,
        clock: Clock,
    ) -> None:
        self._sink = sink
        self._statistics = statistics
        self._delivery = delivery
        self._options = options
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._server: asyncio.AbstractServer | None = None
        self._sending = asyncio.Lock()

    async def start(self) -> None:
        """Begin to report and to listen."""
        path = self._options.control_socket
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path=str(path))
        os.chmod(path, 0o600)
        self._task = asyncio.create_task(self._run(), name="reports")

    async def stop(self) -> None:
        """Send the final report; the stream may be away, then the boot stays open in audits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        self._options.control_socket.unlink(missing_ok=True)
        try:
            await self.report(self._clock.now_ms() + 1, timeout_s=5.0, is_final=True)
        except (SinkUnavailable, TimeoutError) as error:
            logger.warning("the final report was not acknowledged: %s", type(error).__name__)

    async def report(
        self, received_before_ms: int, *, timeout_s: float, is_final: bool = False
    ) -> tuple[Placement, int]:
        """Wait for outcomes, send a report; return where it is and its sequence.

        Requests still without an outcome when the time is over are told as unknown.

        Raises:
            SinkUnavailable: The stream did not take the report.
            TimeoutError: It did not say in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self._delivery.pending_before(received_before_ms) and loop.time() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        async with self._sending:
            pending = self._delivery.pending_before(received_before_ms)
            now_ms = self._clock.now_ms()
            body, change = self._statistics.report(now_ms, is_final=is_final, pending=pending)
            sequence = self._statistics.sequence
            done: asyncio.Future[Placement] = loop.create_future()

            def settle(placement: Placement | None, error: Exception | None) -> None:
                if done.done():
                    return
                if placement is not None:
                    done.set_result(placement)
                else:
                    done.set_exception(error or SinkUnavailable("no acknowledgement"))

            def on_done(placement: Placement | None, error: Exception | None) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(settle, placement, error)

            headers = [
                (Header.VERSION.value, str(RECORD_VERSION).encode()),
                (Header.RECEIVED_AT.value, str(now_ms).encode()),
            ]
            key = self._options.collector_id.encode()
            self._sink.send(_TOPIC, key, body, headers, on_done)
            async with asyncio.timeout(max(1.0, deadline - loop.time())):
                placement = await done
            self._statistics.acknowledge(change, now_ms)
            self._delivery.open()
            return placement, sequence

    async def _run(self) -> None:
        reported_at = -_IDLE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            if self._statistics.has_news or loop.time() - reported_at >= _IDLE_SECONDS:
                try:
                    # Nothing is waited for: what has no outcome yet is in a later report.
                    await self.report(0, timeout_s=self._options.ack_timeout_ms / 1000)
                    reported_at = loop.time()
                except (SinkUnavailable, TimeoutError) as error:
                    level = logging.WARNING if self._delivery.is_open else logging.DEBUG
                    logger.log(level, "a report was not acknowledged: %s", type(error).__name__)
            await asyncio.sleep(
                self._options.stats_interval_seconds
                if self._delivery.is_open
                else _FIRST_POLL_SECONDS
            )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._options.ack_timeout_ms / 1000 + 5.0):
                request = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0]
                status, body = await self._answer(request.decode("latin-1"))
                payload = json.dumps(body).encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode()
                    + payload
                )
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            logger.warning("a control request was not answered")
        finally:
            writer.close()

    async def _answer(self, request_line: str) -> tuple[str, dict[str, object]]:
        method, _, rest = request_line.partition(" ")
        target = urlsplit(rest.rpartition(" ")[0])
        if method != "POST" or target.path != "/report":
            return "404 Not Found", {"error": "only POST /report"}
        given = parse_qs(target.query).get("received_before", [""])[0]
        if not given.isdigit():
            return "400 Bad Request", {"error": "received_before: epoch milliseconds"}
        try:
            placement, sequence = await self.report(
                int(given), timeout_s=self._options.ack_timeout_ms / 1000
            )
        except (SinkUnavailable, TimeoutError) as error:
            return "503 Service Unavailable", {"error": type(error).__name__}
        return "200 OK", {
            "collector_id": self._options.collector_id,
            "boot_id": self._statistics.boot_id,
            "sequence": sequence,
            "topic": placement.topic,
            "topic_id": placement.topic_id,
            "partition": placement.partition,
            "offset": placement.offset,
        }
