"""Makes a handle ready for a statement: rules, database, settings; and undoes it for sessions."""

from contextlib import suppress
from dataclasses import dataclass

from local_stack.clickhouse import statements
from local_stack.clickhouse.accounts import Account
from local_stack.clickhouse.bodies import Body
from local_stack.clickhouse.chunks import BINARY, content_type, joiner
from local_stack.clickhouse.engine import MAIN_DATABASE, Handle, Params
from local_stack.clickhouse.errors import READONLY, SYNTAX_ERROR, ServerError
from local_stack.clickhouse.policy import Policy
from local_stack.clickhouse.replies import Reply
from local_stack.clickhouse.requests import Request
from local_stack.clickhouse.running import Running
from local_stack.clickhouse.sessions import Session

# An INSERT is one block: it lands whole or not at all, and its deduplication token covers it whole.
_ATOMIC = {
    "max_insert_block_size": "100000000",
    "min_insert_block_size_rows": "100000000",
    "min_insert_block_size_bytes": "10000000000",
    "max_insert_block_size_bytes": "0",
    "input_format_parallel_parsing": "0",
    "async_insert": "0",
}
_TEXT_GROWTH = 8
CUT_INTO_BLOCKS = {"max_insert_block_size", "min_insert_block_size_rows"}


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
    def sql(self) -> bytes:
        """Return the statement without the data of an INSERT."""
        if self.statement.kind == "insert_data":
            return self.text[: self.statement.data_start]
        return self.text

    @property
    def output(self) -> str:
        """Return the format of the result."""
        return self.statement.format or self.request.default_format

    @property
    def params(self) -> Params:
        """Return the parameters of the query."""
        return self.request.params

    @property
    def streams(self) -> bool:
        """Return whether the result can be sent while it is made."""
        whole = self.statement.has_totals or "extremes" in self.request.settings
        return self.statement.kind == "select" and joiner(self.output) is not None and not whole


@dataclass(frozen=True)
class Caps:
    """Bounds in bytes: of a result that is made whole, of an analyst's query."""

    result_bytes: int
    analyst_memory_bytes: int


class Preparation:
    """Prepares handles and tidies them up."""

    def __init__(self, policy: Policy, caps: Caps) -> None:
        self._policy = policy
        self._caps = caps

    def prepare(self, work: Work, handle: Handle, session: Session | None, tag: Running) -> None:
        """Check a statement and set up the handle it will run on.

        The order matters for an analyst: the user's settings first, `readonly` last, because it
        cannot be taken back.

        Raises:
            ServerError: The statement is wrong or not allowed.
        """
        group = self._checked_group(work, handle)
        self._policy.check_kind(work.account.role, work.statement, group)
        settings = dict(work.request.settings)
        comment = settings.pop("log_comment", "")
        self._policy.check_settings(work.account.role, settings)
        if work.account.role == "analyst":
            self._policy.check_text(_canonical(work.sql, handle), work.params)
        handle.use(database_of(work, session))
        if session is not None:
            session.borrowed = set(settings)
        handle.set({**self._own_settings(work), **settings, "log_comment": f"{tag.tag} {comment}"})
        if work.account.role == "analyst" and not (session and session.read_only):
            handle.set({"readonly": "2"})
            if session is not None:
                session.read_only = True

    def _checked_group(self, work: Work, handle: Handle) -> str:
        group, count = handle.classify(work.sql)
        if count > 1:
            raise ServerError(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        if group == "UNKNOWN":
            handle.query(b"EXPLAIN AST " + work.sql, "Null")
            raise ServerError(SYNTAX_ERROR, "Syntax error")
        if work.request.method != "POST" and not (
            group == "READ_ONLY" or work.statement.kind in ("set", "use")
        ):
            raise ServerError(
                READONLY,
                "Cannot execute query in readonly mode. For queries over HTTP, method GET implies "
                "readonly. You should use method POST for modifying queries.",
            )
        return group

    def _own_settings(self, work: Work) -> dict[str, str]:
        """Return what every statement of its kind runs with, unless the request says otherwise."""
        own: dict[str, str] = {}
        if work.statement.kind == "insert_data":
            own |= _ATOMIC
        elif work.statement.kind == "select":
            own["max_result_bytes"] = str(self._result_bytes(work))
        if work.account.role == "analyst":
            own["max_memory_usage"] = str(self._caps.analyst_memory_bytes)
        return own

    def _result_bytes(self, work: Work) -> int:
        """Bound results that are made whole, as columns: as text they are several times larger."""
        if work.streams:
            return 0
        text = content_type(work.output) != BINARY
        return self._caps.result_bytes // (_TEXT_GROWTH if text else 1)

    def tidy(self, handle: Handle, session: Session | None, failed: bool) -> None:
        """Close a handle, or give a session back as the next request expects it.

        Settings of a URL count for one request; what the session's own SET said comes back.
        """
        if session is None:
            handle.close()
            return
        if failed:
            handle.settle()
        for name in session.borrowed:
            # What could not be set need not be put back.
            with suppress(ServerError):
                handle.set({name: session.settings.get(name)})
        session.borrowed = set()

    def remember(self, work: Work, session: Session, handle: Handle) -> None:
        """Note what a SET or USE changed for the rest of the session."""
        text = work.sql.decode("latin-1")
        if work.statement.kind == "use":
            session.database = _alias(statements.used_database(text))
        elif work.statement.kind == "set":
            for name in statements.changed_settings(text):
                if not name.startswith("param_"):
                    value = handle.query(
                        "SELECT toString(getSetting({name:String}))",
                        "TSVRaw",
                        {"name": name},
                    )
                    session.settings[name] = value.data.decode().removesuffix("\n")


def database_of(work: Work, session: Session | None) -> str:
    """Return the database a statement runs in."""
    if work.statement.kind == "use":
        return _alias(statements.used_database(work.sql.decode("latin-1")))
    named = work.request.database or (session.database if session else "")
    return _alias(named)


def _alias(database: str) -> str:
    """`default` is the engine's view of the file system here: clients that name it mean `main`."""
    return MAIN_DATABASE if database in ("", "default") else database


def _canonical(sql: bytes, handle: Handle) -> str:
    try:
        text = sql.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ServerError(SYNTAX_ERROR, "The statement is not UTF-8") from error
    value = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    formatted = handle.query("SELECT formatQuery({q:String})", "TSVRaw", {"q": value})
    return formatted.data.decode("latin-1")
