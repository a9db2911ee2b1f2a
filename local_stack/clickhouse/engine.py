"""Handles on the embedded engine: one per request or session, each its own settings and database.

`chdb` is imported inside `Engine`, after the sandbox is closed: the import starts threads, and
Landlock binds only the thread that asks for it and those it starts.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.clickhouse.errors import SYNTAX_ERROR, ServerError, from_engine

MAIN_DATABASE = "main"

# Values of query parameters as they came: the engine undoes their escapes.
Params = Mapping[str, str]

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Piece:
    """A part of a result, and what was counted while it was made."""

    data: bytes
    rows: int
    rows_read: int
    rows_written: int
    bytes_read: int = 0
    bytes_written: int = 0


class Handle:
    """One session of the engine. Not for two threads at once."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def query(self, sql: str | bytes, output: str, params: Params | None = None) -> Piece:
        """Run a statement and return its whole result."""
        try:
            return _piece(self._connection.query(sql, output, params=dict(params or {})))
        except RuntimeError as error:
            raise from_engine(error) from error

    def stream(self, sql: bytes, output: str, params: Params) -> "Stream":
        """Begin a query whose result is fetched piece by piece."""
        try:
            result = self._connection.send_query(sql, output, params=dict(params))
        except RuntimeError as error:
            raise from_engine(error) from error
        return Stream(self._connection, result)

    def insert(self, head: bytes, data_format: str) -> "Insert":
        """Begin an INSERT whose data is pushed piece by piece."""
        try:
            return Insert(self._connection, self._connection.send_insert(head, data_format))
        except RuntimeError as error:
            raise from_engine(error) from error

    def set(self, settings: Mapping[str, str | None]) -> None:
        """Change settings of this session, None to the default; the engine checks them."""
        if settings:
            pairs = (
                f"{_name(name)} = {'DEFAULT' if value is None else literal(value)}"
                for name, value in settings.items()
            )
            self.query("SET " + ", ".join(pairs), "Null")

    def use(self, database: str) -> None:
        """Change the current database."""
        self.query(f"USE {identifier(database)}", "Null")

    def classify(self, sql: bytes) -> tuple[str, int]:
        """Return the class of a statement, and how many statements the text has."""
        found = self._connection.classify_query(sql)
        return found["query_class"].name, found["statement_count"]

    def settle(self) -> None:
        """Make a session usable again after an error: what was left of its output is dropped."""
        for _ in range(2):
            if self.query("SELECT 1", "TSV").data == b"1\n":
                return

    def close(self) -> None:
        """Give the session back."""
        self._connection.close()


class Stream:
    """A query in flight."""

    def __init__(self, connection: Any, result: Any) -> None:
        self._connection = connection
        self._result = result
        self._open = True

    def fetch(self) -> Piece:
        """Return the next piece; the last one has no rows (its data is an empty document)."""
        try:
            piece = _piece(self._connection.streaming_fetch_result(self._result))
        except RuntimeError as error:
            self._open = False
            raise from_engine(error) from error
        if piece.rows == 0:
            self._open = False
        return piece

    def close(self) -> None:
        """Stop the query unless it has ended."""
        if self._open:
            self._open = False
            self._connection.streaming_cancel_query(self._result)


class Insert:
    """An INSERT in flight."""

    def __init__(self, connection: Any, inserter: Any) -> None:
        self._connection = connection
        self._inserter = inserter
        self._open = True

    def append(self, data: bytes) -> None:
        """Push bytes of the input format."""
        try:
            self._connection.insert_append(self._inserter, data)
        except RuntimeError as error:
            raise from_engine(error) from error

    def finish(self) -> Piece:
        """Commit."""
        self._open = False
        try:
            return _piece(self._connection.insert_done(self._inserter))
        except RuntimeError as error:
            raise from_engine(error) from error

    def close(self) -> None:
        """Abandon what was not committed."""
        if self._open:
            self._open = False
            self._connection.insert_cancel(self._inserter)


class Engine:
    """The engine on one folder. One process per folder."""

    def __init__(self, folder: Path, config_file: Path) -> None:
        import chdb

        native: Any = chdb._chdb
        self._connect = native.connect
        self._path = str(folder)
        # Kept open: the engine closes with its last handle.
        self._anchor = Handle(native.connect(f"{folder}?config-file={config_file}"))
        self._anchor_lock = threading.Lock()
        self._anchor.query(f"CREATE DATABASE IF NOT EXISTS {MAIN_DATABASE} ENGINE = Atomic", "Null")
        self._anchor.use(MAIN_DATABASE)
        self.version = self._anchor.query("SELECT version()", "TSV").data.decode().strip()

    def handle(self) -> Handle:
        """Open a session; whoever uses it says in which database."""
        try:
            return Handle(self._connect(self._path))
        except RuntimeError as error:
            raise from_engine(error) from error

    def ask(self, sql: str, params: Params | None = None) -> str:
        """Run a small query of the server itself."""
        with self._anchor_lock:
            return self._anchor.query(sql, "TSVRaw", params).data.decode("utf-8", "replace")

    def kill(self, tag: str) -> None:
        """Stop the query that carries this tag in its log_comment."""
        self.ask(
            "KILL QUERY WHERE startsWith(Settings['log_comment'], {tag:String}) ASYNC",
            {"tag": tag},
        )

    def close(self) -> None:
        """Stop everything that runs and close the engine."""
        self.ask("KILL QUERY WHERE query_id != queryID() ASYNC")
        self._anchor.close()


def _piece(result: Any) -> Piece:
    return Piece(
        result.bytes(),
        result.rows_read(),
        result.storage_rows_read(),
        result.rows_written(),
        result.bytes_read(),
        result.bytes_written(),
    )


def _name(setting: str) -> str:
    if not _SETTING_NAME.fullmatch(setting):
        raise ServerError(SYNTAX_ERROR, f"{setting!r} is not the name of a setting")
    return setting


def literal(value: str) -> str:
    """Return a string literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def identifier(name: str) -> str:
    """Return a quoted identifier."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
