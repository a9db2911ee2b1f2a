"""Seeded traffic for landing: Segment batches of varied events of about 450 bytes.

Bodies that repeat flatter every parser, cache and compressor, so each event has its own device,
ids, times and properties; the same seed gives the same bytes on every machine.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_EVENTS = (
    "Application Opened",
    "Product Viewed",
    "Level Completed",
    "Order Completed",
    "Signed Up",
)
_MODELS = ("iPhone15,2", "iPhone14,5", "Pixel 8", "SM-S921B", "Redmi Note 13")
DEVICES = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(epoch_ms: int) -> str:
    """Return an instant as SDKs write it."""
    return (_EPOCH + timedelta(milliseconds=epoch_ms)).isoformat(timespec="milliseconds")[:-6] + "Z"


def make_event(rng: random.Random, at_ms: int) -> dict[str, Any]:
    """Return one item of a batch; about 450 bytes as JSON."""
    # A device sends several events, as devices do: about one in ten of a range is its first.
    phone = random.Random(rng.randrange(DEVICES))
    is_ios = phone.random() < 0.5
    device = f"{phone.getrandbits(128):032x}"
    uuid = f"{device[:8]}-{device[8:12]}-{device[12:16]}-{device[16:20]}-{device[20:]}"
    name = rng.choice(_EVENTS)
    properties: dict[str, Any] = {"level": rng.randrange(1, 90), "from": rng.choice(("a", "b"))}
    if name == "Order Completed":
        properties |= {"revenue": rng.randrange(99, 9999) / 100, "currency": "EUR"}
    return {
        "type": "track",
        "event": name,
        "messageId": f"{rng.getrandbits(96):024x}",
        "anonymousId": uuid,
        "timestamp": iso(at_ms),
        "properties": properties,
        "context": {
            "app": {"version": f"2.{rng.randrange(9)}"},
            "device": {
                "id": uuid.upper() if is_ios else device[:16],
                "model": phone.choice(_MODELS),
                "type": "ios" if is_ios else "android",
            },
            "os": {"name": "iOS" if is_ios else "Android", "version": "18.1" if is_ios else "15"},
            "library": {"name": "analytics-swift" if is_ios else "analytics-kotlin"},
            "locale": rng.choice(("de-DE", "en-US", "pt-BR")),
        },
    }


def make_bodies(
    count: int, batch_size: int, received_at_ms: int, seed: int = 1
) -> Iterator[tuple[bytes, int]]:
    """Yield `count` request bodies of `batch_size` events with their time of receipt."""
    rng = random.Random(seed)
    for index in range(count):
        received = received_at_ms + index
        batch = [make_event(rng, received - rng.randrange(60_000)) for _ in range(batch_size)]
        body = {"batch": batch, "sentAt": iso(received - rng.randrange(50))}
        yield json.dumps(body, separators=(",", ":")).encode(), received
