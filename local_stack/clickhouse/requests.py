"""What a request says, read from its path, headers, URL and multipart fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from local_stack.clickhouse.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, ServerError

# Parameters of the transport; every other one is a setting of the engine.
_TRANSPORT = {
    "query", "database", "user", "password", "session_id", "session_timeout", "session_check",
    "query_id", "compress", "decompress", "default_format", "wait_end_of_query", "buffer_size",
    "quota_key", "stacktrace", "role", "client_protocol_version", "http_method",
    "http_write_exception_in_output_format", "close_session", "network_compression_method",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One HTTP request, without its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)

    def flag(self, name: str) -> bool:
        """Return whether a switch of the URL is on."""
        return self.parameters.get(name, "0").lower() in ("1", "true", "yes", "on")

    @property
    def database(self) -> str:
        """Return the database to work in, or ''."""
        return self.parameters.get("database") or self.headers.get("x-clickhouse-database", "")

    @property
    def default_format(self) -> str:
        """Return the format of results that name none themselves."""
        named = self.parameters.get("default_format") or self.headers.get("x-clickhouse-format")
        return named or "TabSeparated"


def from_scope(scope: Mapping[str, Any]) -> Request:
    """Read an ASGI scope.

    Raises:
        ServerError: The same parameter is given twice.
    """
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    try:
        text = scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    except (UnicodeDecodeError, ValueError) as error:
        raise ServerError(BAD_ARGUMENTS, "the URL is not readable") from error
    request = Request(scope["method"], scope["path"], headers, dict(pairs))
    add_pairs(request, dict(pairs))
    return request


def add_pairs(request: Request, pairs: Mapping[str, str]) -> None:
    """Sort parameters into settings of the engine and parameters of the query."""
    for name, value in pairs.items():
        if name.startswith("param_"):
            if not _is_text(value):
                raise ServerError(BAD_ARGUMENTS, f"The value of {name} is not UTF-8")
            request.params[name.removeprefix("param_")] = value
        elif name not in _TRANSPORT:
            request.settings[name] = value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_multipart(content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields of a form: the query and its parameters, as clickhouse-connect sends them.

    Raises:
        ServerError: The form is malformed, or carries an external table.
    """
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    if not message.is_multipart():
        raise ServerError(BAD_ARGUMENTS, "the form in the body is not readable")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(payload, bytes):
            raise ServerError(BAD_ARGUMENTS, "a field of the form is not readable")
        if name != "query" and not name.startswith("param_"):
            raise ServerError(
                NOT_IMPLEMENTED, "external tables are not supported by the embedded server"
            )
        fields[name] = payload.decode("utf-8", "surrogateescape")
    return fields
