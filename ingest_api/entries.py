"""What a request becomes in the stream, and how one part of a request is made unreadable."""

from dataclasses import dataclass

from ingest_api.requests import Request
from unmogrowp.contracts.addresses import redact_body
from unmogrowp.contracts.rejections import ItemFault


@dataclass(slots=True)
class Entry:
    """The record's value, what was judged in it, and what its sender is told beside the counts."""

    body: bytes
    item_count: int
    faults: list[ItemFault]
    device: str
    touch_ids: list[str] | None = None


def redacted(request: Request, body: bytes, address_secret: bytes) -> bytes:
    """Return a body without the sender's write key and, unless the app opted in, addresses.

    Notes on the request that something was replaced.
    """
    changed = body
    if request.key is not None:
        changed = request.key.redact(changed)
    if request.sender is None or not request.sender.keeps_addresses:
        changed = redact_body(changed, address_secret)
    if changed is not body:
        request.is_redacted = True
    return changed
