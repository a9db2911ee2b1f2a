"""One request of a hot route, and the headers of the record it becomes."""

from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ingest_api.keys import Sender
from ingest_api.routes import Route
from ingest_api.senders import client_address, peer_of
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused
from unmogrowp.contracts.topics import RECORD_VERSION, Header

_SMALL_BYTES = 64 * 1024
_VERSION = (Header.VERSION.value, str(RECORD_VERSION).encode())
_MAX_USER_AGENT = 512
_TRUE = frozenset({b"1", b"true", b"yes"})


class Request:
    """What was received, and what is found out about it on the way."""

    __slots__ = (
        "address", "authorization", "content_length", "encoding", "is_redacted", "is_small",
        "is_strict", "method", "original", "query", "received_at_ms", "request_id", "reserved",
        "route", "sender", "unpacked", "user_agent", "wire",
    )  # fmt: skip

    def __init__(
        self,
        route: Route,
        scope: dict[str, Any],
        received_at_ms: int,
        request_id: str,
        trusted_proxies: Collection[str],
    ) -> None:
        self.route = route
        self.method: str = scope["method"]
        self.received_at_ms = received_at_ms
        self.request_id = request_id
        self.query: bytes = scope["query_string"]
        self.wire = b""
        self.unpacked = b""
        self.original = b""
        self.is_redacted = False
        self.reserved = 0
        self.sender: Sender | None = None
        self.authorization: bytes | None = None
        self.encoding = ""
        self.user_agent = b""
        self.is_strict = False
        self.content_length = 0
        self.is_small = False
        forwarded_for = None
        for name, value in scope["headers"]:
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
                forwarded_for = value
        self.address = client_address(peer_of(scope), forwarded_for, trusted_proxies)

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
        headers = self._common_headers(address)
        headers.append((Header.ITEM_COUNT.value, str(item_count).encode()))
        if self.original:
            headers.append((Header.ORIGINAL.value, self.original))
        return headers

    def dead_letter_headers(
        self, address: tuple[bytes, bytes], refusal: RequestRefused
    ) -> list[Any]:
        """Return the headers of the dead letter the request becomes."""
        headers = self._common_headers(address)
        headers.append((Header.ITEM_COUNT.value, b"0"))
        headers.append((Header.CODE.value, refusal.code.value.encode()))
        headers.append((Header.DETAIL.value, refusal.detail.encode("utf-8", "replace")))
        return headers

    def _common_headers(self, address: tuple[bytes, bytes]) -> list[Any]:
        sender = self.sender
        headers: list[Any] = [
            _VERSION,
            (Header.DIALECT.value, self.route.dialect.encode()),
            (Header.PATH.value, self.route.path.encode()),
            (Header.APP_ID.value, sender.app_id.encode() if sender else b""),
            (Header.KEY_ID.value, sender.key_id.encode() if sender else b""),
            (Header.RECEIVED_AT.value, str(self.received_at_ms).encode()),
            (Header.REQUEST_ID.value, self.request_id.encode()),
            (Header.ENCODING.value, _text(self.encoding.encode("latin-1") or b"identity")),
            (Header.WIRE_BYTES.value, str(len(self.wire)).encode()),
            (Header.IP_PREFIX.value, address[0]),
            (Header.IP_HASH.value, address[1]),
            (Header.USER_AGENT.value, _text(self.user_agent)),
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
