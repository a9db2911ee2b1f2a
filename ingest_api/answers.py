"""What clients are told: status, headers and bodies."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from unmogrowp.contracts.rejections import REJECTIONS, ItemFault, RejectionCode

Header = tuple[bytes, bytes]

SUCCESS = b'{"success": true}'
_JSON: Header = (b"content-type", b"application/json")
# Browsers may read the answer from any page: it says nothing that is not the sender's own.
_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")
_EXPOSE: Header = (
    b"access-control-expose-headers",
    b"X-Receipt-Id, X-Accepted, X-Rejected, Retry-After, X-RateLimit-Reset",
)
_COMMON: list[Header] = [_JSON, _ANY_ORIGIN, _EXPOSE]
_SAME_FOR_ALL_401 = b'{"error":"auth.unknown_key","detail":"unknown or missing write key"}'
_COUNTS = [str(count).encode() for count in range(2_501)]


@dataclass(slots=True)
class Answer:
    """One answer; `headers` lack what every answer has (see `all_headers` and `as_http`)."""

    status: int
    headers: list[Header]
    body: bytes

    def all_headers(self) -> list[Header]:
        """Return every header, for an ASGI server."""
        if self.status == 204:
            return [_ANY_ORIGIN, *self.headers]
        return [*_COMMON, (b"content-length", b"%d" % len(self.body)), *self.headers]

    def as_http(self, more: bytes, *, is_last: bool) -> bytes:
        """Return the answer as it goes over the wire; `more` are header lines of the server."""
        lines = [_HEADS[self.status], more]
        if self.status != 204:
            lines += (b"content-length: ", _count(len(self.body)), b"\r\n")
        for name, value in self.headers:
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"connection: close\r\n\r\n" if is_last else b"\r\n")
        lines.append(self.body)
        return b"".join(lines)


def _head(status: HTTPStatus) -> bytes:
    lines = b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())
    for name, value in _COMMON if status != 204 else [_ANY_ORIGIN]:
        lines += name + b": " + value + b"\r\n"
    return lines


# Status line and the headers that never change.
_HEADS = {int(status): _head(status) for status in HTTPStatus}

PREFLIGHT = Answer(
    204,
    [
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (
            b"access-control-allow-headers",
            b"Authorization, Content-Type, Content-Encoding, X-Strict, X-Retry-Count, AnonymousId",
        ),
        (b"access-control-max-age", b"86400"),
    ],
    b"",
)


BROKEN = Answer(500, [], b'{"error":"internal","detail":"a fault of the collector"}')


HEAD_TOO_LARGE = Answer(431, [], b'{"error":"size.head","detail":"the headers are too large"}')


def not_allowed(allowed: bytes) -> Answer:
    """Answer a method that a route does not have."""
    body = b'{"error":"method.not_allowed","detail":"see the header Allow"}'
    return Answer(405, [(b"allow", allowed)], body)


def success(receipt: str, accepted: int, rejected: int, body: bytes = SUCCESS) -> Answer:
    """Answer a stored request; the body is Segment's own unless another is given."""
    return Answer(
        200,
        [
            (b"x-receipt-id", receipt.encode()),
            (b"x-accepted", _count(accepted)),
            (b"x-rejected", _count(rejected)),
        ],
        body,
    )


def verdicts(accepted: int, faults: list[ItemFault], receipt: str) -> Answer:
    """Answer a strict client: what became of each item that was refused."""
    answer = success(receipt, accepted, len(faults))
    answer.status = 200 if accepted else 422
    answer.body = msgspec.json.encode(
        {
            "accepted": accepted,
            "rejected": [
                {
                    "index": fault.index,
                    "code": fault.code.value,
                    "path": fault.path,
                    "detail": fault.detail,
                }
                for fault in faults
            ],
            "receipt_id": receipt,
        }
    )
    return answer


def refusal(
    code: RejectionCode, detail: str, retry_after_seconds: int, receipt: str = ""
) -> Answer:
    """Answer a refused request as the table of rejections says."""
    rejection = REJECTIONS[code]
    headers: list[Header] = []
    if rejection.is_retryable:
        headers.append((b"retry-after", b"%d" % retry_after_seconds))
        if rejection.status == 429:
            headers.append((b"x-ratelimit-reset", b"%d" % retry_after_seconds))
    if rejection.status == 401:
        return Answer(401, headers, _SAME_FOR_ALL_401)
    if receipt:
        headers.append((b"x-receipt-id", receipt.encode()))
    body = msgspec.json.encode({"error": code.value, "detail": detail})
    return Answer(rejection.status, headers, body)


def _count(number: int) -> bytes:
    return _COUNTS[number] if number < len(_COUNTS) else b"%d" % number


Reply = Callable[[Answer], None]
