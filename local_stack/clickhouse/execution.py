"""Runs a statement for a request: prepares a handle, streams in or out, cancels, cleans up."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from local_stack.clickhouse import chunks, statements
from local_stack.clickhouse.accounts import Account
from local_stack.clickhouse.bodies import Body, Receive
from local_stack.clickhouse.engine import MAIN_DATABASE, Engine, Handle, Insert, Piece, Stream
from local_stack.clickhouse.errors import (
    QUERY_IS_TOO_LARGE,
    QUERY_WAS_CANCELLED,
    READONLY,
    SYNTAX_ERROR,
    ServerError,
    from_engine,
)
from local_stack.clickhouse.policy import Policy
from local_stack.clickhouse.replies import Reply, Summary
from local_stack.clickhouse.requests import Request
from local_stack.clickhouse.running import Running, RunningStatements
from local_stack.clickhouse.sessions import Session

T = TypeVar("T")

# A client that waits for the end gets an exact summary and status where the result is this small.
_WAITED_BYTES = 8 << 20

# An INSERT is one block: it lands whole or not at all, and its deduplication token covers it whole.
_ATOMIC = {
    "max_insert_block_size": "100000000",
    "min_insert_block_size_rows": "100000000",
    "min_insert_block_size_bytes": "10000000000",
    "max_insert_block_size_bytes": "0",
    "input_format_parallel_parsing": "0",
    "async_insert": "0",
}


@dataclass
class Work:
    """A request with its statement read."""

    request: Request
    account: Account
    text: bytes
    statement: statements.Statement
    body: Body
    reply: Reply

    @property
    def sql(self) -> str:
        """Return the statement without the data of an INSERT."""
        text = self.text
        if self.statement.kind == "insert_data":
            text = text[: self.statement.data_start]
        return text.decode("utf-8", "surrogateescape")


class Executor:
    """Runs statements on the engine."""

    def __init__(
        self,
        engine: Engine,
        policy: Policy,
        running: RunningStatements,
        threads: ThreadPoolExecutor,
        insert_bytes: int,
        result_bytes: int,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._running = running
        self._threads = threads
        self._insert_bytes = insert_bytes
        self._result_bytes = result_bytes

    async def run(self, work: Work, session: Session | None, receive: Receive) -> None:
        """Run one statement and answer."""
        running = self._running.begin(work.reply.query_id, work.account, work.sql)
        handle: Handle | None = None
        try:
            handle = session.handle if session else await self._call(self._engine.handle)
            await self._call(lambda: self._prepare(work, handle, session, running))
            await self._dispatch(work, handle, session, running, receive)
        except ServerError:
            if running.cancelled:
                raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled") from None
            raise
        finally:
            self._running.end(running)
            if handle is not None:
                await asyncio.shield(self._call(lambda: self._release(handle, session)))

    def _prepare(
        self, work: Work, handle: Handle, session: Session | None, running: Running
    ) -> None:
        request, role = work.request, work.account.role
        self._policy.check_settings(role, request.settings)
        group, count = handle.classify(work.sql)
        if count > 1:
            raise ServerError(SYNTAX_ERROR, "Multi-statements are not allowed")
        if group == "UNKNOWN":
            handle.query(f"EXPLAIN AST {work.sql}", "Null")
            raise ServerError(SYNTAX_ERROR, "Syntax error")
        if request.method != "POST" and group not in ("READ_ONLY", "CONTROL"):
            raise ServerError(
                READONLY,
                "Cannot execute query in readonly mode. For queries over HTTP, method GET implies "
                "readonly. You should use method POST for modifying queries.",
            )
        canonical = work.sql
        if work.statement.kind != "insert_data":
            canonical = handle.query(
                "SELECT formatQuery({q:String})", "TSVRaw", {"q": escaped(work.sql)}
            ).data.decode("utf-8", "surrogateescape")
        self._policy.check(role, work.statement, group, canonical)
        database = request.database or (session.database if session else "")
        if database in ("", "default"):
            database = MAIN_DATABASE
        handle.use(database)
        settings = dict(request.settings)
        comment = settings.pop("log_comment", "")
        settings["log_comment"] = f"{running.tag} {comment}".strip()
        if work.statement.kind == "insert_data":
            settings = {**_ATOMIC, **settings}
        handle.set(settings)
        if role == "analyst" and not (session and session.read_only):
            handle.set({"readonly": "2"})
            if session:
                session.read_only = True

    async def _dispatch(
        self,
        work: Work,
        handle: Handle,
        session: Session | None,
        running: Running,
        receive: Receive,
    ) -> None:
        kind = work.statement.kind
        if kind == "kill" and "QUERY" in work.sql.upper().split()[:2]:
            body = await self._running.kill(work.account, work.sql)
            await self._answer(work, Piece(body, 1, 0, 0), Summary(), "TabSeparated")
            return
        if kind == "use" and session:
            named = statements.used_database(work.sql)
            session.database = MAIN_DATABASE if named == "default" else named
        if kind == "insert_data":
            await self._insert(work, handle, running)
            return
        watcher = asyncio.create_task(self._watch(work, running, receive))
        try:
            output = work.statement.format or work.request.default_format
            if kind == "select" and chunks.joiner(output):
                await self._stream(work, handle, running, output)
            else:
                await self._query(work, handle, output)
        finally:
            watcher.cancel()

    async def _watch(self, work: Work, running: Running, receive: Receive) -> None:
        """Stop reading statements whose client went away; others finish, as in ClickHouse."""
        while (await receive())["type"] != "http.disconnect":
            pass
        if work.statement.kind in ("select", "insert_select"):
            await self._running.cancel(running)

    async def _query(self, work: Work, handle: Handle, output: str) -> None:
        started = time.perf_counter_ns()
        bounded = {"max_result_bytes": str(self._result_bytes), "result_overflow_mode": "throw"}

        def execute() -> Piece:
            if work.statement.kind == "select" and work.account.role == "pipeline":
                handle.set(bounded)
            return handle.query(work.sql, output, work.request.params)

        piece = await self._call(execute)
        summary = Summary()
        count(summary, piece)
        summary.elapsed_ns = time.perf_counter_ns() - started
        await self._answer(work, piece, summary, output if piece.data else "")

    async def _answer(self, work: Work, piece: Piece, summary: Summary, output: str) -> None:
        encoder = work.reply.encoder
        body = await self._call(lambda: encoder.feed(piece.data) + encoder.finish())
        kind = chunks.content_type(output) if output else "text/plain; charset=UTF-8"
        await work.reply.whole(200, body, content_type=kind, output=output, summary=summary)

    async def _stream(self, work: Work, handle: Handle, running: Running, output: str) -> None:
        reply, summary, started = work.reply, Summary(), time.perf_counter_ns()
        joiner = chunks.joiner(output)
        assert joiner is not None
        stream: Stream = await self._call(
            lambda: handle.stream(work.sql, output, work.request.params)
        )
        waited = _WAITED_BYTES if work.request.flag("wait_end_of_query") else 0

        def fetch() -> tuple[bytes, bool]:
            """Fetch, join and encode about a mebibyte."""
            out = bytearray()
            while len(out) < (1 << 20):
                piece = stream.fetch()
                count(summary, piece)
                if piece.rows == 0:
                    if summary.result_rows == 0:
                        out += reply.encoder.feed(joiner.feed(piece.data))
                    out += reply.encoder.feed(joiner.finish()) + reply.encoder.finish()
                    return bytes(out), True
                out += reply.encoder.feed(joiner.feed(piece.data))
                if not waited:
                    break
            return bytes(out), False

        try:
            held, done = await self._call(fetch)
            while waited and not done and len(held) < waited:
                more, done = await self._call(fetch)
                held += more
            self._check_cancelled(running)
            summary.elapsed_ns = time.perf_counter_ns() - started
            kind = chunks.content_type(output)
            if done:
                await reply.whole(200, held, content_type=kind, output=output, summary=summary)
                return
            await reply.start(kind, output, summary)
            await reply.send(held)
            while not done:
                data, done = await self._call(fetch)
                self._check_cancelled(running)
                await reply.send(data)
            await reply.end()
        finally:
            await asyncio.shield(self._call(stream.close))

    async def _insert(self, work: Work, handle: Handle, running: Running) -> None:
        started = time.perf_counter_ns()
        statement, size = work.statement, 0
        head = statement.head.encode("latin-1").decode("utf-8", "surrogateescape")
        bounded = not {"max_insert_block_size", "min_insert_block_size_rows"} & set(
            work.request.settings
        )
        if work.request.params:
            names = {f"param_{name}": value for name, value in work.request.params.items()}
            await self._call(lambda: handle.set(names))
        insert: Insert = await self._call(lambda: handle.insert(head, statement.format))
        try:
            pieces = [work.text[statement.data_start :]]
            while True:
                size += sum(map(len, pieces))
                if bounded and size > self._insert_bytes:
                    raise ServerError(
                        QUERY_IS_TOO_LARGE,
                        f"An INSERT is one block here: at most {self._insert_bytes} bytes. Send "
                        "less at once, or set max_insert_block_size to have it cut into blocks",
                    )
                block = b"".join(pieces)
                if block:
                    await self._call(lambda data=block: insert.append(data))  # type: ignore[misc]
                if work.body.ended:
                    break
                pieces = await work.body.read_batch()
            self._check_cancelled(running)
            piece = await self._call(insert.finish)
        finally:
            await asyncio.shield(self._call(insert.close))
        summary = Summary()
        summary.written_rows, summary.written_bytes = piece.rows_written, piece.bytes_written
        summary.read_rows, summary.read_bytes = piece.rows_written, size
        summary.elapsed_ns = time.perf_counter_ns() - started
        await work.reply.whole(
            200, work.reply.encoder.finish(), content_type="text/plain; charset=UTF-8",
            summary=summary,
        )  # fmt: skip

    def _release(self, handle: Handle, session: Session | None) -> None:
        if session is None:
            handle.close()
        else:
            handle.settle()

    @staticmethod
    def _check_cancelled(running: Running) -> None:
        if running.cancelled:
            raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled")

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except RuntimeError as error:
            raise from_engine(error) from error


def count(summary: Summary, piece: Piece) -> None:
    """Add what a piece counted."""
    summary.result_rows += piece.rows
    summary.result_bytes += len(piece.data)
    summary.read_rows += piece.rows_read
    summary.read_bytes += piece.bytes_read
    summary.written_rows += piece.rows_written
    summary.written_bytes += piece.bytes_written


def escaped(text: str) -> str:
    """Return text as the value of a String parameter, which the engine unescapes."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
