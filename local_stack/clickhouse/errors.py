"""ClickHouse's error codes that this server raises itself, and the HTTP status of each code."""

import re

SYNTAX_ERROR = 62
BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
QUERY_NOT_ALLOWED = 392
READONLY = 164
TOO_MANY_SIMULTANEOUS_QUERIES = 202
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
QUERY_WAS_CANCELLED = 394
QUERY_IS_TOO_LARGE = 223
TOO_MANY_ROWS_OR_BYTES = 396
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
CANNOT_DECOMPRESS = 271
INCORRECT_DATA = 117

NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    QUERY_NOT_ALLOWED: "QUERY_NOT_ALLOWED",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    TOO_MANY_ROWS_OR_BYTES: "TOO_MANY_ROWS_OR_BYTES",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    INCORRECT_DATA: "INCORRECT_DATA",
}

# As ClickHouse's exceptionCodeToHTTPStatus; what is not listed is a 500. 202 is a 503 here, so
# that clients which retry an overloaded server do (ClickHouse answers 500).
_STATUS: dict[int, int] = {
    **dict.fromkeys((193, 194, 516, 511), 403),
    **dict.fromkeys(
        (6, 26, 27, 35, 36, 37, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72, 110, 117, 321, 386),
        400,
    ),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 372, 512), 404),
    QUERY_IS_TOO_LARGE: 413,
    NOT_IMPLEMENTED: 501,
    159: 408,
    TOO_MANY_SIMULTANEOUS_QUERIES: 503,
    209: 503,
    439: 503,
    ACCESS_DENIED: 403,
}

_CODE = re.compile(r"Code: (\d+)\. DB::\w*Exception: ")


class ServerError(Exception):
    """A refusal in ClickHouse's words; `code` is ClickHouse's error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> int:
        """Return the HTTP status that goes with the code."""
        return _STATUS.get(self.code, 500)

    def text(self) -> str:
        """Return the message as ClickHouse writes it into a body."""
        message = str(self)
        if message.startswith("Code: "):
            return message
        return f"Code: {self.code}. DB::Exception: {message} ({NAMES.get(self.code, 'ERROR')})"


def from_engine(error: BaseException) -> ServerError:
    """Translate what the engine raised: the last exception of a chain is the one that counts."""
    message = str(error)
    matches = list(_CODE.finditer(message))
    if not matches:
        return ServerError(1002, f"Code: 1002. DB::Exception: {message} (UNKNOWN_EXCEPTION)")
    last = matches[-1]
    return ServerError(int(last.group(1)), message[last.start() :].strip())
