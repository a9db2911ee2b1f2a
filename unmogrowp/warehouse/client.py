"""The one way the project talks to ClickHouse: named queries, bound parameters, typed errors.

Vendor errors are translated here once. Whether one may be retried is decided by its code, from a
short list with the reason per code, never by its text.
"""

import copy
import io
import json
import re
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from unmogrowp.errors import QueryFailed, WarehouseUnavailable
from unmogrowp.warehouse import named_queries

if TYPE_CHECKING:
    import polars as pl

# Code -> why trying again can help.
RETRYABLE_CODES = {
    159: "TIMEOUT_EXCEEDED: the server was busy",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES: a slot frees up",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    241: "MEMORY_LIMIT_EXCEEDED: other queries end",
    242: "TABLE_IS_READ_ONLY: a replica is reconnecting",
    252: "TOO_MANY_PARTS: merges catch up",
    425: "SYSTEM_ERROR of the operating system",
    999: "KEEPER_EXCEPTION: the keeper elects a leader",
}

# Every pipeline statement: synchronous inserts (asynchronous is the server's default) and no
# silent replacement of NULL by a default.
PIPELINE_SETTINGS: dict[str, Any] = {"async_insert": 0, "input_format_null_as_default": 0}

Params = Mapping[str, Any]
_LOOPBACK = {None, "localhost", "127.0.0.1", "::1"}
_IDENTIFIER = re.compile(r"\{\s*(\w+)\s*:\s*Identifier\s*\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


class Warehouse:
    """A connection to ClickHouse. Safe to share between threads; `close` when done."""

    def __init__(
        self,
        client: Client,
        log_comment: Mapping[str, str] | None = None,
        *,
        read_only: bool = False,
        is_local: bool = False,
    ) -> None:
        self._client = client
        self._defaults = {} if read_only else PIPELINE_SETTINGS
        self._log_comment = dict(log_comment or {})
        # Compressing costs three times as much as sending to the same machine.
        self._arrow_codec = None if is_local else "lz4"

    @classmethod
    def connect(
        cls,
        url: str,
        user: str,
        password: str,
        log_comment: Mapping[str, str] | None = None,
        *,
        read_only: bool = False,
    ) -> Self:
        """Connect to a server by URL, `http://host:port` or `https://host:port`.

        `read_only` sends no settings: accounts that may only read may not change any.

        Raises:
            WarehouseUnavailable: Nothing answers there, or it is not ready.
        """
        parts = urlsplit(url)
        try:
            client = clickhouse_connect.get_client(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or (8443 if parts.scheme == "https" else 8123),
                interface="https" if parts.scheme == "https" else "http",
                username=parts.username or user,
                password=parts.password or password,
                autogenerate_session_id=False,
                tz_mode="aware",
                query_retries=0,
                send_receive_timeout=3600,
            )
        except (ClickHouseError, OSError) as error:
            raise _translate(error) from error
        is_local = parts.hostname in _LOOPBACK
        return cls(client, log_comment, read_only=read_only, is_local=is_local)

    @classmethod
    def embedded(cls, path: str) -> Self:
        """Open the engine inside this process (tests): one process per path."""
        client = clickhouse_connect.get_client(interface="chdb", path=path, tz_mode="aware")
        return cls(client, is_local=True)

    def with_settings(self, settings: Params) -> "Warehouse":
        """Return the same connection with other settings of every statement; close only one."""
        other = copy.copy(self)
        other._defaults = {**self._defaults, **settings}
        return other

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def run(
        self, name: str, params: Params | None = None, settings: Params | None = None
    ) -> dict[str, Any]:
        """Execute a named statement that returns no rows; return ClickHouse's own summary."""
        return self.execute(named_queries.load(name), params, settings)

    def execute(
        self, sql: str, params: Params | None = None, settings: Params | None = None
    ) -> dict[str, Any]:
        """Execute one statement that returns no rows; return ClickHouse's own summary."""
        try:
            statement, values = _bound(sql, params)
            result = self._client.command(
                statement, parameters=values, settings=self._settings(settings)
            )
        except (ClickHouseError, OSError) as error:
            raise _translate(error) from error
        return dict(getattr(result, "summary", {}) or {})

    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples."""
        return [tuple(row) for row in self._query(sql, params).result_rows]

    def named_rows(self, name: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a named query."""
        return self.rows(named_queries.load(name), params)

    def records(self, sql: str, params: Params | None = None) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries."""
        result = self._query(sql, params)
        return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def scalar(self, sql: str, params: Params | None = None) -> Any:
        """Return the first column of the first row."""
        return self.rows(sql, params)[0][0]

    def named_columns(
        self, sql: str, params: Params | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names of a query and its rows."""
        result = self._query(sql, params)
        return list(result.column_names), [tuple(row) for row in result.result_rows]

    def stream(self, sql: str) -> Iterator[bytes]:
        """Give the answer in the format the query names, piece by piece."""
        try:
            with self._client.raw_stream(sql) as answer:
                while chunk := answer.read(65_536):
                    yield chunk
        except (ClickHouseError, OSError) as error:
            raise _translate(error) from error

    def frame(self, sql: str, params: Params | None = None) -> "pl.DataFrame":
        """Return a query as a polars frame; instants keep their time zone."""
        # Here and not above: it starts threads, and most runs want no frame.
        import polars as pl

        try:
            statement, values = _bound(sql, params)
            table = self._client.query_arrow(
                statement, parameters=values, settings=self._settings(None)
            )
        except (ClickHouseError, OSError) as error:
            raise _translate(error) from error
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def named_frame(self, name: str, params: Params | None = None) -> "pl.DataFrame":
        """Return a named query as a polars frame."""
        return self.frame(named_queries.load(name), params)

    def insert_arrow(
        self, table: str, rows: pa.Table, *, token: str, settings: Params | None = None
    ) -> None:
        """Insert rows as one block; the same `token` again inserts nothing.

        The schema of `rows` must be the table's: unknown columns raise, but a missing one would
        silently become its default, so callers build rows with an explicit schema.
        """
        try:
            self._client.raw_insert(
                table,
                rows.schema.names,
                _arrow_stream(rows, self._arrow_codec),
                {**self._settings(settings), "insert_deduplication_token": token},
                "ArrowStream",
            )
        except (ClickHouseError, OSError) as error:
            raise _translate(error) from error

    def _query(self, sql: str, params: Params | None) -> Any:
        try:
            statement, values = _bound(sql, params)
            return self._client.query(statement, parameters=values, settings=self._settings(None))
        except (ClickHouseError, OSError) as error:
            raise _translate(error) from error

    def _settings(self, settings: Params | None) -> dict[str, Any]:
        merged = {**self._defaults, **(settings or {})}
        if self._log_comment:
            merged["log_comment"] = json.dumps(self._log_comment, sort_keys=True)
        return merged


def _bound(sql: str, params: Params | None) -> tuple[str, dict[str, Any]]:
    """Return the statement with its identifiers filled in, and the parameters that are left.

    The server takes an `Identifier` parameter as one name, so `database.table` has to be filled in
    here. Such names come from our own code; anything but letters, digits and `_` is refused.
    """
    values = dict(params or {})

    def fill(match: re.Match[str]) -> str:
        name = str(values[match[1]])
        if not _NAME.fullmatch(name):
            raise QueryFailed(f"{name!r} is not the name of a table or column")
        return ".".join(f"`{part}`" for part in name.split("."))

    names = set(_IDENTIFIER.findall(sql))
    filled = _IDENTIFIER.sub(fill, sql)
    return filled, {key: value for key, value in values.items() if key not in names}


def _arrow_stream(rows: pa.Table, codec: str | None) -> Generator[bytes]:
    """Yield rows as an Arrow stream, batch by batch: it is never held whole on the way."""
    sink = _Pieces()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        for batch in rows.to_batches():
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


class _Pieces(io.RawIOBase):
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def error_code(error: BaseException) -> int:
    """Return ClickHouse's error code of a vendor error, 0 where it has none."""
    code = getattr(error, "code", None)
    return int(code) if isinstance(code, int) else 0


def _translate(error: BaseException) -> Exception:
    code = error_code(error)
    message = str(error)
    if code in RETRYABLE_CODES:
        return WarehouseUnavailable(f"{RETRYABLE_CODES[code]} ({message})")
    if code == 0 and isinstance(error, OSError | OperationalError):
        return WarehouseUnavailable(message)
    return QueryFailed(message, code)
