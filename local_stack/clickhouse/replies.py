"""Writes responses: headers of ClickHouse, encodings, errors before and within the body."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from local_stack.clickhouse.encoding import Encoder
from local_stack.clickhouse.engine import Piece
from local_stack.clickhouse.errors import TOO_MANY_SIMULTANEOUS_QUERIES, ServerError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PLAIN = "text/plain; charset=UTF-8"
DISPLAY_NAME = "unmogrowp"
TIMEZONE = "UTC"


class Summary:
    """What a statement read, wrote and returned: `X-ClickHouse-Summary`."""

    def __init__(self) -> None:
        self.read_rows = self.read_bytes = self.written_rows = self.written_bytes = 0
        self.result_rows = self.result_bytes = 0
        self.elapsed_ns = 0

    def add(self, piece: Piece) -> None:
        """Add what a piece of the result counted."""
        self.result_rows += piece.rows
        self.result_bytes += len(piece.data)
        self.read_rows += piece.rows_read
        self.read_bytes += piece.bytes_read
        self.written_rows += piece.rows_written
        self.written_bytes += piece.bytes_written

    def text(self) -> str:
        """Return it as ClickHouse does: a JSON object of strings."""
        return json.dumps(
            {
                "read_rows": str(self.read_rows),
                "read_bytes": str(self.read_bytes),
                "written_rows": str(self.written_rows),
                "written_bytes": str(self.written_bytes),
                "total_rows_to_read": "0",
                "result_rows": str(self.result_rows),
                "result_bytes": str(self.result_bytes),
                "elapsed_ns": str(self.elapsed_ns),
            },
            separators=(",", ":"),
        )


class Reply:
    """One response."""

    def __init__(self, send: Send, send_seconds: float) -> None:
        self._send = send
        self._send_seconds = send_seconds
        self.encoder = Encoder("", framed=False)
        self.framed = False
        self.content_encoding = ""
        self.query_id = ""
        self.started = False
        self.ended = False
        self._tag = secrets.token_hex(8)

    async def whole(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str,
        output: str = "",
        summary: Summary | None = None,
        code: int = 0,
    ) -> None:
        """Send a complete response; `body` is encoded already."""
        headers = self._headers(content_type, output, summary, code)
        headers.append((b"content-length", str(len(body)).encode()))
        self.started = True
        await self._push({"type": "http.response.start", "status": status, "headers": headers})
        self.ended = True
        await self._push({"type": "http.response.body", "body": body})

    async def start(self, content_type: str, output: str, summary: Summary) -> None:
        """Begin a streamed response."""
        headers = self._headers(content_type, output, summary, 0)
        headers.append((b"x-clickhouse-exception-tag", self._tag.encode()))
        self.started = True
        await self._push({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(self, data: bytes) -> None:
        """Send encoded bytes of a streamed response."""
        if data:
            await self._push({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End a streamed response."""
        self.ended = True
        await self._push({"type": "http.response.body", "body": b""})

    async def error(self, error: ServerError) -> None:
        """Send an error: a response of its own, or the end of the one under way.

        Within a streamed body ClickHouse writes the message between marks that carry the tag of
        the headers, and then breaks the connection: returning without an end does that.
        """
        text = error.text()
        if self.started:
            message = (text + "\n").encode("utf-8", "replace")
            mark = b"\r\n__exception__\r\n"
            tail = mark + self._tag.encode() + b"\r\n" + message
            tail += f"{len(message)} {self._tag}".encode() + mark
            await self.send(self.encoder.feed(tail) + self.encoder.finish())
            return
        self.encoder = Encoder(self.content_encoding, self.framed)
        body = self.encoder.feed((text + "\n").encode("utf-8", "replace")) + self.encoder.finish()
        await self.whole(error.status, body, content_type=PLAIN, code=error.code)

    def _headers(
        self, content_type: str, output: str, summary: Summary | None, code: int
    ) -> list[tuple[bytes, bytes]]:
        pairs = [
            ("content-type", content_type),
            ("x-clickhouse-server-display-name", DISPLAY_NAME),
            ("x-clickhouse-timezone", TIMEZONE),
        ]
        if self.query_id:
            pairs.append(("x-clickhouse-query-id", self.query_id))
        if output:
            pairs.append(("x-clickhouse-format", output))
        if summary is not None:
            pairs.append(("x-clickhouse-summary", summary.text()))
        if self.content_encoding and (summary is not None or code):
            pairs.append(("content-encoding", self.content_encoding))
            pairs.append(("vary", "Accept-Encoding"))
        if code:
            pairs.append(("x-clickhouse-exception-code", str(code)))
        if code == TOO_MANY_SIMULTANEOUS_QUERIES:
            pairs.append(("retry-after", "1"))
        if code == 516:
            pairs.append(("www-authenticate", 'Basic realm="ClickHouse server HTTP API"'))
        return [(name.encode(), value.encode("latin-1", "replace")) for name, value in pairs]

    async def _push(self, message: MutableMapping[str, Any]) -> None:
        """Send, but not for ever: a client that stops reading must not hold a place."""
        async with asyncio.timeout(self._send_seconds):
            await self._send(message)
