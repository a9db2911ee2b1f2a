"""The ASGI application: from an HTTP request to a statement, and back to a response."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from local_stack.clickhouse import requests, statements
from local_stack.clickhouse.accounts import Account, Accounts, credentials_of
from local_stack.clickhouse.bodies import Body, ClientGone, Receive
from local_stack.clickhouse.encoding import Decoder, Encoder, choose
from local_stack.clickhouse.engine import Engine
from local_stack.clickhouse.errors import (
    AUTHENTICATION_FAILED,
    QUERY_IS_TOO_LARGE,
    SYNTAX_ERROR,
    ServerError,
)
from local_stack.clickhouse.execution import Executor
from local_stack.clickhouse.lanes import Lane
from local_stack.clickhouse.policy import Policy
from local_stack.clickhouse.preparation import Caps, Preparation, Work
from local_stack.clickhouse.replies import Reply
from local_stack.clickhouse.running import RunningStatements, new_query_id
from local_stack.clickhouse.sessions import Sessions

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FORM_BYTES = 2 << 20
_SHORT_TEXT = 32 << 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Bounds of one server; sizes in bytes."""

    queries: int
    inserts: int
    waiting: int
    memory_bytes: int
    insert_bytes: int
    result_bytes: int
    wait_seconds: float = 60.0
    sessions: int = 64
    query_bytes: int = 1 << 20
    send_seconds: float = 300.0

    @property
    def analyst_queries(self) -> int:
        """Return how many places analysts have: they cannot keep the pipeline out."""
        return max(2, self.queries // 2)

    @property
    def caps(self) -> Caps:
        """Return bounds per statement: all analysts together use half of the memory at most."""
        return Caps(self.result_bytes, self.memory_bytes // 2 // self.analyst_queries)


class App:
    """ClickHouse's HTTP interface."""

    def __init__(self, engine: Engine, accounts: Accounts, limits: Limits) -> None:
        self._accounts = accounts
        self._limits = limits
        places = limits.queries + limits.analyst_queries + limits.inserts
        self._threads = ThreadPoolExecutor(places + 4, "engine")
        self.running = RunningStatements(engine)
        self.sessions = Sessions(engine, limits.sessions)
        functions = engine.ask("SELECT name FROM system.table_functions").split()
        self._executor = Executor(
            engine,
            Preparation(Policy(functions), limits.caps),
            self.running,
            self._threads,
            limits.insert_bytes,
        )
        self._queries = self._lane("queries", limits.queries)
        self._analyst_queries = self._lane("queries of analysts", limits.analyst_queries)
        self._inserts = self._lane("inserts", limits.inserts)
        self.closing = False

    def _lane(self, name: str, places: int) -> Lane:
        return Lane(name, places, self._limits.waiting, self._limits.wait_seconds)

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
        if statement.kind == "kill_query":
            # Without a place of its own: it is how places become free.
            await self._executor.kill(work)
            return
        lane = self._inserts if statement.kind == "insert_data" else self._queries
        if account.role == "analyst":
            lane = self._analyst_queries
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
            first = await body.read_up_to(self._limits.query_bytes)
            text = query + (b"\n" if query and first else b"") + first
        # Long texts are read on a thread: other requests go on meanwhile.
        parse = partial(statements.parse, text.decode("latin-1"))
        statement = parse() if len(text) < _SHORT_TEXT else await asyncio.to_thread(parse)
        if statement.kind != "insert_data" and (
            len(text) > self._limits.query_bytes or not body.ended
        ):
            raise ServerError(
                QUERY_IS_TOO_LARGE,
                f"The query is larger than {self._limits.query_bytes} bytes",
            )
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
