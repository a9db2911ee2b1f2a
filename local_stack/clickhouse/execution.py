"""Runs a statement for a request: streams in or out, cancels, answers, cleans up."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from local_stack.clickhouse.bodies import Receive
from local_stack.clickhouse.chunks import content_type, joiner
from local_stack.clickhouse.engine import Engine, Handle, Insert, Piece, Stream
from local_stack.clickhouse.errors import (
    QUERY_IS_TOO_LARGE,
    QUERY_WAS_CANCELLED,
    ServerError,
    from_engine,
)
from local_stack.clickhouse.preparation import CUT_INTO_BLOCKS, Preparation, Work
from local_stack.clickhouse.replies import PLAIN, Summary
from local_stack.clickhouse.running import Running, RunningStatements
from local_stack.clickhouse.sessions import Session

T = TypeVar("T")

# A client that waits for the end gets an exact summary and status where the result is this small.
_WAITED_BYTES = 8 << 20
# What is sent at once, after the first piece, which goes out as soon as it is there.
_SENT_BYTES = 256 << 10
_KILL_AGAIN_SECONDS = 0.5


class Executor:
    """Runs statements on the engine, each call of the engine on a thread of the pool."""

    def __init__(
        self,
        engine: Engine,
        preparation: Preparation,
        running: RunningStatements,
        threads: ThreadPoolExecutor,
        insert_bytes: int,
    ) -> None:
        self._engine = engine
        self._preparation = preparation
        self._running = running
        self._threads = threads
        self._insert_bytes = insert_bytes

    async def run(self, work: Work, session: Session | None, receive: Receive) -> None:
        """Run one statement and answer.

        Raises:
            ServerError: It failed, was refused or was cancelled.
        """
        running = self._running.begin(work.reply.query_id, work.account, work.sql)
        handle = session.handle if session else None
        failed = True
        try:
            handle = await self._call(lambda: self._prepared(work, session, running))
            await self._dispatch(work, handle, session, running, receive)
            failed = False
        except ServerError:
            if running.cancelled:
                raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled") from None
            raise
        finally:
            self._running.end(running)
            await running.settled()
            if handle is not None:
                used = handle
                await asyncio.shield(
                    self._call(lambda: self._preparation.tidy(used, session, failed))
                )

    def _prepared(self, work: Work, session: Session | None, running: Running) -> Handle:
        handle = session.handle if session else self._engine.handle()
        try:
            self._preparation.prepare(work, handle, session, running)
        except BaseException:
            if session is None:
                handle.close()
            raise
        return handle

    async def kill(self, work: Work) -> None:
        """Run a KILL QUERY, which the engine itself never sees."""
        await self._answer(work, await self._running.kill(work.account, work.sql))

    async def _dispatch(
        self,
        work: Work,
        handle: Handle,
        session: Session | None,
        running: Running,
        receive: Receive,
    ) -> None:
        kind = work.statement.kind
        if kind == "use":
            # The handle is in that database already: `prepare` put it there under its real name.
            await self._answer(work, Piece(b"", 0, 0, 0))
        elif kind == "insert_data":
            await self._insert(work, handle, running)
        else:
            watcher = asyncio.create_task(self._watch(work, running, receive))
            try:
                if work.streams:
                    await self._stream(work, handle, running)
                else:
                    await self._query(work, handle, running)
            finally:
                watcher.cancel()
        if session is not None and kind in ("use", "set"):
            await self._call(lambda: self._preparation.remember(work, session, handle))

    async def _watch(self, work: Work, running: Running, receive: Receive) -> None:
        """Stop reading statements whose client went away; the others finish, as in ClickHouse.

        An INSERT SELECT is stopped too: whoever repeats it after a crash must not meet the first
        one still writing. Killed again until it is gone: the first time may have been too early.
        """
        while (await receive())["type"] != "http.disconnect":
            pass
        if work.statement.kind in ("select", "insert_select") and not work.reply.ended:
            while True:
                await self._running.cancel(running)
                await asyncio.sleep(_KILL_AGAIN_SECONDS)

    async def _query(self, work: Work, handle: Handle, running: Running) -> None:
        started = time.perf_counter_ns()
        piece = await self._call(lambda: handle.query(work.sql, work.output, work.params))
        self._check_cancelled(running)
        await self._answer(work, piece, time.perf_counter_ns() - started)

    async def _answer(self, work: Work, piece: Piece, elapsed_ns: int = 0) -> None:
        summary = Summary()
        summary.add(piece)
        summary.elapsed_ns = elapsed_ns
        encoder = work.reply.encoder
        body = await self._call(lambda: encoder.feed(piece.data) + encoder.finish())
        output = work.output if piece.data else ""
        kind = content_type(output) if output else PLAIN
        await work.reply.whole(200, body, content_type=kind, output=output, summary=summary)

    async def _stream(self, work: Work, handle: Handle, running: Running) -> None:
        reply, started = work.reply, time.perf_counter_ns()
        stream = await self._call(lambda: handle.stream(work.sql, work.output, work.params))
        source = _Source(work, stream)
        try:
            held = await self._call(lambda: source.read(1))
            if work.request.flag("wait_end_of_query"):
                while not source.ended and len(held) < _WAITED_BYTES:
                    held += await self._call(lambda: source.read(_SENT_BYTES))
            self._check_cancelled(running)
            source.summary.elapsed_ns = time.perf_counter_ns() - started
            kind = content_type(work.output)
            done = source.ended
            if done:
                await reply.whole(
                    200, held, content_type=kind, output=work.output, summary=source.summary
                )
                return
            await reply.start(kind, work.output, source.summary)
            await reply.send(held)
            while not done:
                held = await self._call(lambda: source.read(_SENT_BYTES))
                done = source.ended
                self._check_cancelled(running)
                await reply.send(held)
            await reply.end()
        finally:
            await asyncio.shield(self._call(stream.close))

    async def _insert(self, work: Work, handle: Handle, running: Running) -> None:
        started, size = time.perf_counter_ns(), 0
        names = {f"param_{name}": value for name, value in work.request.params.items()}
        await self._call(lambda: handle.set(names))
        head = work.statement.head.encode("latin-1")
        insert: Insert = await self._call(lambda: handle.insert(head, work.statement.format))
        try:
            block = work.text[work.statement.data_start :]
            while True:
                size += len(block)
                self._check_size(work, size)
                if block:
                    await self._call(lambda data=block: insert.append(data))  # type: ignore[misc]
                if work.body.ended:
                    break
                block = b"".join(await work.body.read_batch())
            self._check_cancelled(running)
            piece = await self._call(insert.finish)
        finally:
            await asyncio.shield(self._call(insert.close))
        counted = Piece(b"", 0, piece.rows_written, piece.rows_written, size, piece.bytes_written)
        await self._answer(work, counted, time.perf_counter_ns() - started)

    def _check_size(self, work: Work, size: int) -> None:
        if size > self._insert_bytes and not CUT_INTO_BLOCKS & set(work.request.settings):
            raise ServerError(
                QUERY_IS_TOO_LARGE,
                f"An INSERT is one block here, of at most {self._insert_bytes} bytes. Send less "
                "at once, or set max_insert_block_size to have it cut into blocks",
            )

    @staticmethod
    def _check_cancelled(running: Running) -> None:
        if running.cancelled:
            raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled")

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except RuntimeError as error:
            raise from_engine(error) from error


class _Source:
    """Fetches, joins and encodes a streamed result; on a thread of the pool."""

    def __init__(self, work: Work, stream: Stream) -> None:
        joined = joiner(work.output)
        assert joined is not None
        self._joiner = joined
        self._encoder = work.reply.encoder
        self._stream = stream
        self.summary = Summary()
        self.ended = False

    def read(self, size: int) -> bytes:
        """Return at least `size` encoded bytes, or what is left."""
        out = bytearray()
        while len(out) < size and not self.ended:
            piece = self._stream.fetch()
            # The last piece has no rows; it is a document of its own, wanted only if all was empty.
            self.ended = piece.rows == 0
            if piece.rows or not self.summary.result_rows:
                out += self._encoder.feed(self._joiner.feed(piece.data))
            self.summary.add(piece)
        if self.ended:
            out += self._encoder.feed(self._joiner.finish()) + self._encoder.finish()
        return bytes(out)
