"""Connections of the collector: hot routes without ASGI, everything else by uvicorn as usual.

A task, an event, a scope and two writes for each request cost uvicorn more than judging an event
costs us. So a request of a hot route that finds its connection idle goes from the parser to the
intake, and its answer into one write; all others, pipelined ones among them, take uvicorn's way.
"""

import asyncio
import logging
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest_api.answers import BROKEN, HEAD_TOO_LARGE, Answer
from ingest_api.intake import Intake
from ingest_api.requests import Request
from ingest_api.routes import ROUTES_BY_BYTES, Route

logger = logging.getLogger(__name__)

# Of a request line and headers together, beside the chunk they begin in.
MAX_HEAD_BYTES = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Phase(Enum):
    IDLE = 0
    READING = 1
    ANSWERING = 2


class _Turn:
    """What uvicorn takes for a running request while we answer one ourselves."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.response_complete = True
        self.keep_alive = True
        self.disconnected = False
        self.message_event = _NOTHING


class _Nothing:
    def set(self) -> None:
        """Wake nobody."""


_NOTHING = _Nothing()


class CollectorProtocol(HttpToolsProtocol):
    """One connection."""

    intake: Intake  # set by `protocol_of`

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._turn = _Turn()
        self._request: Request | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_in_head = False
        self._head_bytes = 0
        self._is_ours = False
        self._peer = ""
        self._phase = _Phase.IDLE
        self._since = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._header_lines = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the peer and begin to watch for idleness."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""
        self._since = self.loop.time()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a request that was being read; one that was sent goes on."""
        if self._watch is not None:
            self._watch.cancel()
        request, self._request = self._request, None
        if request is not None:
            self._chunks = []
            self.intake.abandon(request)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, but no head without end: the parser would keep it all."""
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(HEAD_TOO_LARGE.as_http(b"", is_last=True))
                self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request; uvicorn's own beginning follows where it is to have it."""
        self._is_in_head = True
        self._head_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._phase = _Phase.READING
        self._since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header as it came."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide whose request it is."""
        self._is_in_head = False
        path, _, query = self.url.partition(b"?")
        route = ROUTES_BY_BYTES.get(path)
        if route is not None and (self.cycle is None or self.cycle.response_complete):
            method = self.parser.get_method()
            if method == b"POST":
                self._begin(route, "POST", query)
                return
            if method == b"GET" and route.touch_type is not None:
                self._begin(route, "GET", query)
                return
        self._leave_to_uvicorn()

    def _leave_to_uvicorn(self) -> None:
        url, headers = self.url, self.headers
        self._is_ours = False
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _begin(self, route: Route, method: str, query: bytes) -> None:
        self._is_ours = True
        turn = self._turn
        turn.response_complete = False
        turn.keep_alive = (
            self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        )
        self.cycle = turn  # type: ignore[assignment]
        request = self.intake.begin(route, method, query, self.headers, self._peer, self._reply)
        if self.intake.admit(request):
            self._request = request
            self._chunks = []
            self._size = 0
            if request.expects_continue:
                self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body up to the limit; beyond it the request is complete for us."""
        if not self._is_ours:
            super().on_body(body)
            return
        request = self._request
        if request is None:  # answered already: what still comes is let go
            return
        self._chunks.append(body)
        self._size += len(body)
        if self._size > request.reserved and not self.intake.grow(request, self._size):
            self._request, self._chunks = None, []
        elif self._size > self.intake.max_wire_bytes:
            request.is_cut = True
            self._complete(request)

    def on_message_complete(self) -> None:
        """Take the request."""
        is_answered = self.cycle is None or self.cycle.response_complete
        self._phase = _Phase.IDLE if is_answered else _Phase.ANSWERING
        if not self._is_ours:
            super().on_message_complete()
        elif self._request is not None:
            self._complete(self._request)

    def _complete(self, request: Request) -> None:
        self._request = None
        chunks, self._chunks = self._chunks, []
        wire = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        request.wire = wire[: self.intake.max_wire_bytes] if request.is_cut else wire
        try:
            self.intake.take(request)
        except Exception:  # a fault of ours is a 500, never silence
            logger.exception("a request could not be taken")
            self._turn.keep_alive = False
            self._reply(BROKEN)

    def _reply(self, answer: Answer) -> None:
        turn = self._turn
        transport = self.transport
        if turn.response_complete or transport.is_closing():
            return
        turn.response_complete = True
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers = headers
            self._header_lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        transport.write(answer.as_http(self._header_lines, is_last=not turn.keep_alive))
        if not turn.keep_alive:
            transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with what was pipelined, or be idle; one timer serves all requests."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not self.flow.write_paused:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._phase is not _Phase.READING:
            self._phase = _Phase.IDLE
            self._since = self.loop.time()

    def pause_writing(self) -> None:
        """Read no further from a client that does not read its answers."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        self.flow.resume_reading()

    def _look(self) -> None:
        """Close the connection where it idles, or takes too long to send a request."""
        left = keep_alive = float(self.timeout_keep_alive)
        if self._phase is not _Phase.ANSWERING:
            limit = keep_alive
            if self._phase is _Phase.READING:
                limit = self.intake.body_timeout_seconds
            left = self._since + limit - self.loop.time()
        if left <= 0:
            self.transport.close()
            return
        left = min(left, keep_alive, self.intake.body_timeout_seconds)
        self._watch = self.loop.call_later(left, self._look)


def protocol_of(intake: Intake) -> type[CollectorProtocol]:
    """Return the protocol class for one worker's server, which makes its own instances."""
    return type("BoundProtocol", (CollectorProtocol,), {"intake": intake})
