"""What clients are told: status, headers and bodies, ready as bytes."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from unmogrowp.contracts.rejections import REJECTIONS, ItemFault, RejectionCode

Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

SUCCESS = b'{"success": true}'
_JSON: Header = (b"content-type", b"application/json")
# Browsers may read the answer from any page: it says nothing that is not the sender's own.
_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")
_EXPOSE: Header = (
    b"access-control-expose-headers",
    b"X-Receipt-Id, X-Accepted, X-Rejected, Retry-After",
)
_SUCCESS_LENGTH: Header = (b"content-length", str(len(SUCCESS)).encode())
_NONE_REJECTED: Header = (b"x-rejected", b"0")
_ACCEPTED: list[Header] = [(b"x-accepted", str(count).encode()) for count in range(2_501)]
_SUCCESS_MESSAGE = {"type": "http.response.body", "body": SUCCESS}
_SAME_FOR_ALL_401 = b'{"error":"auth.unknown_key","detail":"unknown or missing write key"}'

PREFLIGHT: list[Header] = [
    _ANY_ORIGIN,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Content-Encoding, X-Strict, X-Retry-Count, AnonymousId",
    ),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]


async def send_success(send: Send, receipt: str, accepted: int, rejected: int) -> None:
    """Answer 200 in Segment's own words."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                _JSON,
                _SUCCESS_LENGTH,
                (b"x-receipt-id", receipt.encode()),
                _ACCEPTED[accepted]
                if accepted < len(_ACCEPTED)
                else (b"x-accepted", str(accepted).encode()),
                (b"x-rejected", str(rejected).encode()) if rejected else _NONE_REJECTED,
                _ANY_ORIGIN,
                _EXPOSE,
            ],
        }
    )
    await send(_SUCCESS_MESSAGE)


async def send_json(
    send: Send, status: int, body: bytes, headers: list[Header] | None = None
) -> None:
    """Answer with a JSON body."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                _JSON,
                (b"content-length", str(len(body)).encode()),
                _ANY_ORIGIN,
                _EXPOSE,
                *(headers or ()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def receipt_headers(receipt: str, accepted: int, rejected: int) -> list[Header]:
    """Return the three headers every stored request is answered with."""
    return [
        (b"x-receipt-id", receipt.encode()),
        (b"x-accepted", str(accepted).encode()),
        (b"x-rejected", str(rejected).encode()),
    ]


def verdicts(accepted: int, faults: list[ItemFault], receipt: str) -> bytes:
    """Return the body of a strict answer: what became of each item that was refused."""
    return msgspec.json.encode(
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


async def send_refusal(
    send: Send, code: RejectionCode, detail: str, retry_after_seconds: int, receipt: str = ""
) -> None:
    """Answer a refused request as the table of rejections says."""
    rejection = REJECTIONS[code]
    headers: list[Header] = []
    if rejection.is_retryable:
        headers.append((b"retry-after", str(retry_after_seconds).encode()))
    if rejection.status == 401:
        body = _SAME_FOR_ALL_401
    else:
        body = msgspec.json.encode({"error": code.value, "detail": detail})
        if receipt:
            headers.append((b"x-receipt-id", receipt.encode()))
    await send_json(send, rejection.status, body, headers)
