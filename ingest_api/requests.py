"""One request of a hot route, and the headers of the record it becomes."""

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ingest_api.answers import Reply
from ingest_api.keys import Sender
from ingest_api.routes import Route
from ingest_api.senders import client_address
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused
from unmogrowp.contracts.topics import RECORD_VERSION, Header
from unmogrowp.contracts.write_keys import WriteKey

_SMALL_BYTES = 64 * 1024
_VERSION = (Header.VERSION.value, str(RECORD_VERSION).encode())
# Names of an enumeration are looked up slowly, and a record has a dozen.
_DIALECT, _PATH = Header.DIALECT.value, Header.PATH.value
_APP_ID, _KEY_ID = Header.APP_ID.value, Header.KEY_ID.value
_RECEIVED_AT, _REQUEST_ID = Header.RECEIVED_AT.value, Header.REQUEST_ID.value
_ENCODING, _WIRE_BYTES = Header.ENCODING.value, Header.WIRE_BYTES.value
_IP_PREFIX, _IP_HASH = Header.IP_PREFIX.value, Header.IP_HASH.value
_USER_AGENT, _ITEM_COUNT = Header.USER_AGENT.value, Header.ITEM_COUNT.value
_MAX_USER_AGENT = 512
_TRUE = frozenset({b"1", b"true", b"yes"})


class Request:
    """What was received, and what is found out about it on the way."""

    __slots__ = (
        "address", "authorization", "content_length", "encoding", "expects_continue", "has_asked",
        "is_cut", "is_redacted", "is_small", "is_strict", "key", "method", "original", "query",
        "received_at_ms", "reply", "request_id", "reserved", "route", "sender", "unpacked",
        "user_agent", "wire",
    )  # fmt: skip

    def __init__(
        self,
        route: Route,
        method: str,
        query: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        peer: str,
        reply: Reply,
        *,
        received_at_ms: int,
        request_id: str,
        trusted_proxies: Collection[str],
    ) -> None:
        self.route = route
        self.method = method
        self.query = query
        self.received_at_ms = received_at_ms
        self.request_id = request_id
        self.reply = reply
        self.wire = b""
        self.unpacked = b""
        self.original = b""
        self.is_cut = False
        self.is_redacted = False
        self.reserved = 0
        self.sender: Sender | None = None
        self.key: WriteKey | None = None
        self.has_asked = False
        self.authorization: bytes | None = None
        self.encoding = ""
        self.user_agent = b""
        self.is_strict = False
        self.content_length = 0
        self.is_small = False
        self.expects_continue = False
        forwarded_for = None
        for name, value in headers:
            name = name.lower()
            if name == b"content-length":
                self.content_length = int(value) if value.isdigit() else 0
                self.is_small = self.content_length <= _SMALL_BYTES
            elif name == b"authorization":
                self.authorization = value
            elif name == b"user-agent":
                self.user_agent = value[:_MAX_USER_AGENT]
            elif name == b"content-encoding":
                self.encoding = value.decode("latin-1")
            elif name == b"x-strict":
                self.is_strict = value.strip().lower() in _TRUE
            elif name == b"x-forwarded-for":
                # Sent more than once it is one list, in the order of the lines.
                forwarded_for = value if forwarded_for is None else forwarded_for + b"," + value
            elif name == b"expect":
                self.expects_continue = value.lower() == b"100-continue"
        self.address = (
            peer if forwarded_for is None else client_address(peer, forwarded_for, trusted_proxies)
        )

    def query_parameters(self) -> list[tuple[str, str]]:
        """Return the parameters of the query string.

        Raises:
            RequestRefused: They are no UTF-8, or absurdly many.
        """
        if not self.query:
            return []
        try:
            return parse_qsl(
                self.query.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=500,
            )
        except ValueError as error:  # UnicodeDecodeError is one
            raise RequestRefused(
                RejectionCode.PARSE_FORM, "the query string cannot be read"
            ) from error

    def original_of_parameters(self) -> bytes:
        """Return query string and form as they came: what the JSON of the record was made of."""
        if self.query and self.wire:
            return self.query + b"\n" + self.wire
        return self.query or self.wire

    def record_headers(self, address: tuple[bytes, bytes], item_count: int) -> list[Any]:
        """Return the headers of the record, but `rejected`."""
        headers = self._common_headers(address, item_count)
        if self.original:
            headers.append((Header.ORIGINAL.value, self.original))
        return headers

    def dead_letter_headers(
        self, address: tuple[bytes, bytes], refusal: RequestRefused
    ) -> list[Any]:
        """Return the headers of the dead letter the request becomes."""
        headers = self._common_headers(address, 0)
        headers.append((Header.CODE.value, refusal.code.value.encode()))
        headers.append((Header.DETAIL.value, refusal.detail.encode("utf-8", "replace")))
        return headers

    def _common_headers(self, address: tuple[bytes, bytes], item_count: int) -> list[Any]:
        sender = self.sender
        route = self.route
        headers: list[Any] = [
            _VERSION,
            (_DIALECT, route.dialect_bytes),
            (_PATH, route.path_bytes),
            (_APP_ID, sender.app_id.encode() if sender else b""),
            (_KEY_ID, sender.key_id.encode() if sender else b""),
            (_RECEIVED_AT, b"%d" % self.received_at_ms),
            (_REQUEST_ID, self.request_id.encode()),
            (_ENCODING, _text(self.encoding.encode("latin-1")) if self.encoding else b"identity"),
            (_WIRE_BYTES, b"%d" % len(self.wire)),
            (_IP_PREFIX, address[0]),
            (_IP_HASH, address[1]),
            (_USER_AGENT, _text(self.user_agent)),
            (_ITEM_COUNT, b"%d" % item_count),
        ]
        if self.is_redacted:
            headers.append((Header.REDACTED.value, b"1"))
        return headers

    def as_json(self, value: Any) -> bytes:
        """Return a value as compact JSON."""
        return msgspec.json.encode(value)


def _text(value: bytes) -> bytes:
    """Return header bytes as UTF-8: HTTP headers may hold any byte."""
    return value if value.isascii() else value.decode("latin-1").encode()
