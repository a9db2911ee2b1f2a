"""The ASGI application: from an HTTP request to a statement, and back to a response."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local_stack.clickhouse import requests, statements
from local_stack.clickhouse.accounts import Account, Accounts, credentials_of
from local_stack.clickhouse.bodies import Body, ClientGone, Receive
from local_stack.clickhouse.encoding import Decoder, Encoder, choose
from local_stack.clickhouse.engine import Engine
from local_stack.clickhouse.errors import (
    AUTHENTICATION_FAILED,
    SYNTAX_ERROR,
    ServerError,
)
from local_stack.clickhouse.execution import Executor, Work
from local_stack.clickhouse.lanes import Lane
from local_stack.clickhouse.policy import Policy
from local_stack.clickhouse.replies import Reply
from local_stack.clickhouse.running import RunningStatements, new_query_id
from local_stack.clickhouse.sessions import Sessions

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HEAD_BYTES = 1 << 20
_FORM_BYTES = 64 << 20
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Bounds of one server; sizes in bytes."""

    queries: int = 8
    inserts: int = 2
    waiting: int = 64
    wait_seconds: float = 30.0
    sessions: int = 64
    query_bytes: int = 16 << 20
    insert_bytes: int = 512 << 20
    result_bytes: int = 256 << 20
    send_seconds: float = 300.0


class App:
    """ClickHouse's HTTP interface."""

    def __init__(self, engine: Engine, accounts: Accounts, limits: Limits) -> None:
        self._accounts = accounts
        self._limits = limits
        self._engine = engine
        self._threads = ThreadPoolExecutor(limits.queries + limits.inserts + 4, "engine")
        self.running = RunningStatements(engine)
        self.sessions = Sessions(engine, limits.sessions)
        functions = engine.ask("SELECT name FROM system.table_functions").split()
        self._executor = Executor(
            engine, Policy(functions), self.running, self._threads, limits.insert_bytes,
            limits.result_bytes,
        )  # fmt: skip
        self._queries = Lane("queries", limits.queries, limits.waiting, limits.wait_seconds)
        self._inserts = Lane("inserts", limits.inserts, limits.waiting, limits.wait_seconds)
        self.closing = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        reply = Reply(send, self._limits.send_seconds)
        try:
            request = requests.from_scope(scope)
            await self._route(request, receive, reply)
        except ServerError as error:
            await reply.error(error)
        except (ClientGone, OSError):
            logger.info("the client went away")

    async def _route(self, request: requests.Request, receive: Receive, reply: Reply) -> None:
        plain = request.path == "/" and request.method in ("GET", "HEAD")
        if request.path in ("/ping", "/replicas_status") or (plain and not request.parameters):
            await reply.whole(200, b"Ok.\n", content_type="text/html; charset=UTF-8")
            return
        if request.path not in ("/", "/query") or request.method not in ("GET", "HEAD", "POST"):
            text = f"There is no handle {request.path}\n\nUse / or /ping for health checks.\n"
            await reply.whole(404, text.encode(), content_type="text/plain; charset=UTF-8")
            return
        reply.framed = request.flag("compress")
        if request.flag("enable_http_compression"):
            reply.content_encoding = choose(request.headers.get("accept-encoding", ""))
        reply.encoder = Encoder(reply.content_encoding, reply.framed)
        reply.query_id = new_query_id(request.parameters.get("query_id", ""))
        account = self._accounts.find(credentials_of(request.headers, request.parameters))
        if account is None:
            user = request.parameters.get("user") or request.headers.get("x-clickhouse-user", "")
            raise ServerError(
                AUTHENTICATION_FAILED,
                f"{user or 'default'}: Authentication failed: password is incorrect, or there is "
                "no user with such name.",
            )
        await self._serve(request, account, receive, reply)

    async def _serve(
        self, request: requests.Request, account: Account, receive: Receive, reply: Reply
    ) -> None:
        encoding = request.headers.get("content-encoding", "")
        body = Body(receive, Decoder(encoding, request.flag("decompress")))
        text, statement = await self._read(request, body)
        work = Work(request, account, text, statement, body, reply)
        lane = self._inserts if statement.kind.startswith("insert") else self._queries
        async with lane.place():
            session_id = request.parameters.get("session_id", "")
            if not session_id:
                await self._executor.run(work, None, receive)
                return
            session = await self.sessions.take(
                account.name,
                session_id,
                request.flag("session_check"),
                request.parameters.get("session_timeout", ""),
            )
            try:
                await self._executor.run(work, session, receive)
            finally:
                self.sessions.give_back(session)

    async def _read(
        self, request: requests.Request, body: Body
    ) -> tuple[bytes, statements.Statement]:
        """Read the statement; of an INSERT with much data only its head and the first data."""
        query = request.parameters.get("query", "").encode("utf-8", "surrogateescape")
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            fields = requests.read_multipart(content_type, await body.read_all(_FORM_BYTES))
            requests.add_pairs(request, {n: v for n, v in fields.items() if n != "query"})
            text = query + fields.get("query", "").encode("utf-8", "surrogateescape")
        else:
            first = await body.read_up_to(_HEAD_BYTES)
            text = query + (b"\n" if query and first else b"") + first
        statement = statements.parse(text.decode("latin-1"))
        if statement.kind != "insert_data" and not body.ended:
            text += await body.read_all(self._limits.query_bytes)
            statement = statements.parse(text.decode("latin-1"))
        if not text.strip():
            raise ServerError(SYNTAX_ERROR, "Empty query")
        return text, statement

    async def tidy(self) -> None:
        """Close idle sessions for as long as the server runs."""
        while not self.closing:
            await asyncio.sleep(5)
            await self.sessions.expire(time.monotonic())

    async def close(self) -> None:
        """Stop what runs, close sessions and wait for the threads."""
        self.closing = True
        await self.running.cancel_all()
        await asyncio.to_thread(self._threads.shutdown, True)
        self.sessions.close()
