"""Topics of the stream and the headers of a record (contract version 1)."""

from enum import StrEnum

RECORD_VERSION = 1
MAX_MESSAGE_BYTES = 24 * 1024 * 1024


class Topic(StrEnum):
    """Every topic; the version is part of the name."""

    EVENTS = "events.v1"
    TOUCHES = "touches.v1"
    POSTBACKS = "postbacks.v1"
    DEAD_LETTERS = "requests.dead_letter.v1"
    COLLECTOR_STATS = "collector.stats.v1"


class Header(StrEnum):
    """Headers of a record, all UTF-8 text but `ORIGINAL`.

    A record of `events.v1` or `touches.v1` holds one accepted request: its value is the canonical
    JSON body (`{"batch": [...], ...}` for events and touches alike, as it came where it came so).
    A record of the dead-letter topic holds the bytes as received, `CODE` and `DETAIL`.
    """

    VERSION = "v"
    DIALECT = "dialect"
    PATH = "path"
    APP_ID = "app_id"
    KEY_ID = "key_id"
    RECEIVED_AT = "received_at"  # epoch ms
    REQUEST_ID = "request_id"
    ITEM_COUNT = "item_count"  # items in the value, refused ones included
    REJECTED = "rejected"  # "index:code,index:code" or absent
    ENCODING = "encoding"  # Content-Encoding as received, or identity
    WIRE_BYTES = "wire_bytes"
    IP_PREFIX = "ip_prefix"
    IP_HASH = "ip_hash"
    USER_AGENT = "user_agent"
    REDACTED = "redacted"  # "1" when the collector changed the body (addresses)
    ORIGINAL = "original"  # bytes as received, where the value is a translation
    CODE = "code"  # dead letters: rejection code
    DETAIL = "detail"  # dead letters: what was wrong, in words
