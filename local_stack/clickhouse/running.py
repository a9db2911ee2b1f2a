"""Statements in flight: their ids, whose they are, and how they are stopped."""

import asyncio
import re
import secrets
from dataclasses import dataclass, field

from local_stack.clickhouse.accounts import Account
from local_stack.clickhouse.engine import Engine, Piece
from local_stack.clickhouse.errors import ACCESS_DENIED, BAD_ARGUMENTS, NOT_IMPLEMENTED, ServerError

_SAME_ID_RUNS = 216
_KILL_BY_ID = re.compile(
    r"KILL\s+QUERY\s+(?:ON\s+CLUSTER\s+\S+\s+)?WHERE\s+\(?query_id\s*=\s*'([^'\\]*)'\)?"
    r"\s*(?:SYNC|ASYNC)?\s*(?:FORMAT\s+\w+\s*)?;?\s*",
    re.IGNORECASE,
)


@dataclass
class Running:
    """One statement in flight. `tag` begins its log_comment, by which the engine finds it."""

    query_id: str
    account: str
    text: bytes
    tag: str = field(default_factory=lambda: f"unmogrowp-{secrets.token_hex(8)}")
    cancelled: bool = False
    kills: "list[asyncio.Task[None]]" = field(default_factory=list)

    async def settled(self) -> None:
        """Wait for kills under way: the next statement of the session must not meet one."""
        await asyncio.gather(*self.kills, return_exceptions=True)


class RunningStatements:
    """All statements in flight."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_id: dict[str, Running] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def begin(self, query_id: str, account: Account, text: bytes) -> Running:
        """Register a statement.

        Raises:
            ServerError: One with this id is running.
        """
        if query_id in self._by_id:
            raise ServerError(
                _SAME_ID_RUNS,
                f"Code: {_SAME_ID_RUNS}. DB::Exception: Query with id = {query_id} is already "
                "running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)",
            )
        running = Running(query_id, account.name, text)
        self._by_id[query_id] = running
        return running

    def end(self, running: Running) -> None:
        """Forget a statement."""
        del self._by_id[running.query_id]

    async def cancel(self, running: Running) -> None:
        """Stop a statement; it ends with an error or silently, hence the flag."""
        running.cancelled = True
        kill = asyncio.create_task(asyncio.to_thread(self._engine.kill, running.tag))
        running.kills.append(kill)
        await asyncio.shield(kill)

    async def cancel_all(self) -> None:
        """Stop everything."""
        for running in list(self._by_id.values()):
            await self.cancel(running)

    async def kill(self, account: Account, sql: bytes) -> Piece:
        """Run `KILL QUERY WHERE query_id = '…'`; an analyst stops only its own statements.

        Raises:
            ServerError: The statement asks for anything else, or for somebody else's query.
        """
        match = _KILL_BY_ID.fullmatch(sql.decode("latin-1").strip())
        if match is None:
            raise ServerError(
                NOT_IMPLEMENTED, "only KILL QUERY WHERE query_id = '...' is supported"
            )
        running = self._by_id.get(match.group(1))
        if running is None:
            return Piece(b"", 0, 0, 0)
        if account.role != "pipeline" and running.account != account.name:
            raise ServerError(ACCESS_DENIED, "Not enough privileges: not your query")
        await self.cancel(running)
        query = running.text[:1000].decode("utf-8", "replace")
        row = ("waiting", running.query_id, running.account, query)
        cells = (
            cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for cell in row
        )
        return Piece("\t".join(cells).encode() + b"\n", 1, 0, 0)


def new_query_id(asked: str) -> str:
    """Return the id a client asked for, or a new one.

    Raises:
        ServerError: It cannot stand in a header.
    """
    if not asked:
        return f"{secrets.token_hex(4)}-{secrets.token_hex(8)}"
    if len(asked) > 200 or not asked.isprintable() or not asked.isascii() or "'" in asked:
        raise ServerError(BAD_ARGUMENTS, "query_id has characters that are not allowed")
    return asked
