"""Every reason for which the collector does not take something as it is: one table.

What a client is told, whether it should try again, and how loud the log is are properties of the
code, so that no route decides them by itself.
"""

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from unmogrowp.errors import UnmogrowpError

Level = Literal["request", "item"]


class RejectionCode(StrEnum):
    """Stable names: they are in headers, tables and reports."""

    AUTH_MISSING_KEY = "auth.missing_key"
    AUTH_UNKNOWN_KEY = "auth.unknown_key"
    AUTH_UNKNOWN_APP = "auth.unknown_app"
    AUTH_APP_DISABLED = "auth.app_disabled"
    PARSE_GZIP = "parse.gzip"
    PARSE_ENCODING = "parse.encoding"
    PARSE_JSON = "parse.json"
    PARSE_FORM = "parse.form"
    PARSE_TEXT = "parse.text"
    SIZE_WIRE = "size.wire"
    SIZE_BODY = "size.body"
    SIZE_BATCH_COUNT = "size.batch_count"
    SIZE_DEPTH = "size.depth"
    SIZE_ITEM = "size.item"
    SCHEMA_BATCH = "schema.batch"
    SCHEMA_TYPE = "schema.type"
    SCHEMA_MISSING_FIELD = "schema.missing_field"
    SCHEMA_UNKNOWN_EVENT = "schema.unknown_event"
    SCHEMA_MIXED_APPS = "schema.mixed_apps"
    IDENTITY_NONE = "identity.none"
    RATE_LIMITED = "rate.limited"
    SINK_UNAVAILABLE = "sink.unavailable"
    SINK_BUSY = "sink.busy"
    SINK_DISK = "sink.disk"


@dataclass(frozen=True, slots=True)
class Rejection:
    """What follows from a code; `status` is that of a request refused for it."""

    status: int
    is_retryable: bool
    log_level: int
    level: Level
    # Kept as dead letter (within the quota of its source), or left with the client.
    is_kept: bool


def _client(status: int) -> Rejection:
    return Rejection(status, False, logging.INFO, "request", True)


def _item() -> Rejection:
    # 422 only where a strict client had not one item accepted.
    return Rejection(422, False, logging.DEBUG, "item", True)


def _ours(status: int) -> Rejection:
    return Rejection(status, True, logging.WARNING, "request", False)


REJECTIONS: dict[RejectionCode, Rejection] = {
    RejectionCode.AUTH_MISSING_KEY: _client(401),
    RejectionCode.AUTH_UNKNOWN_KEY: _client(401),
    RejectionCode.AUTH_UNKNOWN_APP: _client(401),
    RejectionCode.AUTH_APP_DISABLED: _client(401),
    RejectionCode.PARSE_GZIP: _client(400),
    RejectionCode.PARSE_ENCODING: _client(400),
    RejectionCode.PARSE_JSON: _client(400),
    RejectionCode.PARSE_FORM: _client(400),
    RejectionCode.SCHEMA_BATCH: _client(400),
    RejectionCode.SIZE_WIRE: _client(413),
    RejectionCode.SIZE_BODY: _client(413),
    RejectionCode.SIZE_BATCH_COUNT: _client(413),
    RejectionCode.PARSE_TEXT: _item(),
    RejectionCode.SIZE_DEPTH: _item(),
    RejectionCode.SIZE_ITEM: _item(),
    RejectionCode.SCHEMA_TYPE: _item(),
    RejectionCode.SCHEMA_MISSING_FIELD: _item(),
    RejectionCode.SCHEMA_UNKNOWN_EVENT: _item(),
    RejectionCode.SCHEMA_MIXED_APPS: _item(),
    RejectionCode.IDENTITY_NONE: _item(),
    RejectionCode.RATE_LIMITED: _ours(429),
    RejectionCode.SINK_UNAVAILABLE: _ours(503),
    RejectionCode.SINK_BUSY: _ours(503),
    RejectionCode.SINK_DISK: _ours(503),
}


class RequestRefused(UnmogrowpError):
    """A whole request cannot be used; `detail` never quotes the body."""

    def __init__(self, code: RejectionCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        # Where one knows better than the setting when to come back.
        self.retry_after_seconds = 0


@dataclass(frozen=True, slots=True)
class ItemFault:
    """Why one item of a request is refused; `path` is the JSON path of the fault."""

    index: int
    code: RejectionCode
    path: str
    detail: str


def faults_header(faults: list[ItemFault]) -> bytes:
    """Return the header `rejected`: "index:code,index:code"."""
    return ",".join(f"{fault.index}:{fault.code.value}" for fault in faults).encode()
