"""Requests as the collector puts them on the stream, for tests of landing."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from unmogrowp.contracts.topics import Header, Topic
from unmogrowp.stream.memory import MemoryStream
from unmogrowp.stream.port import Placement

DAY_MS = 86_400_000
NOON = 1_790_251_200_000  # 2026-09-24T12:00:00Z


def iso(epoch_ms: int) -> str:
    """Return an instant as SDKs write it."""
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms)).isoformat(
        timespec="milliseconds"
    )
    return text.replace("+00:00", "Z")


def headers(
    *,
    path: str,
    received_at: int,
    item_count: int,
    app_id: str = "app",
    request_id: str = "",
    **more: str,
) -> list[tuple[str, bytes]]:
    """Return the headers of a version 1 record."""
    values: dict[str, str] = {
        Header.VERSION: "1",
        Header.DIALECT: "touch" if path in ("/v1/click", "/v1/impression") else "segment",
        Header.PATH: path,
        Header.APP_ID: app_id,
        Header.KEY_ID: "key",
        Header.RECEIVED_AT: str(received_at),
        Header.REQUEST_ID: request_id
        or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{path}{received_at}")),
        Header.ITEM_COUNT: str(item_count),
        Header.ENCODING: "identity",
        Header.WIRE_BYTES: "100",
        Header.IP_PREFIX: "203.0.113.0/24",
        Header.IP_HASH: "connection-hash",
        Header.USER_AGENT: "okhttp/4.9",
        **more,
    }
    return [(name, value.encode()) for name, value in values.items()]


def send(
    stream: MemoryStream,
    topic: Topic,
    value: bytes,
    record_headers: Sequence[tuple[str, bytes]],
    key: bytes = b"k",
) -> Placement:
    """Put one record on the stream and return where it is."""
    placed: list[Placement] = []

    def done(placement: Placement | None, error: Exception | None) -> None:
        assert placement is not None, error
        placed.append(placement)

    stream.send(topic, key, value, list(record_headers), done)
    return placed[0]


def track(message_id: str, at_ms: int | None = None, **fields: Any) -> dict[str, Any]:
    """Return one track item of an Android phone."""
    item: dict[str, Any] = {
        "type": "track",
        "event": "Application Opened",
        "messageId": message_id,
        "anonymousId": f"anon-{message_id}",
        "context": {"device": {"id": "9774d56d682e5490", "type": "android"}},
    }
    if at_ms is not None:
        item["timestamp"] = iso(at_ms)
    return {**item, **fields}


def send_batch(
    stream: MemoryStream,
    items: Sequence[Mapping[str, Any] | bytes],
    received_at: int = NOON,
    *,
    envelope: Mapping[str, Any] | None = None,
    app_id: str = "app",
    key: bytes = b"k",
    **more: str,
) -> Placement:
    """Send a batch; items given as bytes go in as they are."""
    texts = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in items]
    rest = "".join(f",{json.dumps(k)}:{json.dumps(v)}" for k, v in (envelope or {}).items())
    body = b'{"batch":[' + b",".join(texts) + b"]" + rest.encode() + b"}"
    return send(
        stream,
        Topic.EVENTS,
        body,
        headers(
            path="/v1/batch",
            received_at=received_at,
            item_count=len(items),
            app_id=app_id,
            **more,
        ),
        key,
    )


def send_touch(
    stream: MemoryStream,
    fields: Mapping[str, Any],
    received_at: int = NOON,
    *,
    path: str = "/v1/click",
    key: bytes = b"k",
    **more: str,
) -> Placement:
    """Send one click or impression."""
    return send(
        stream,
        Topic.TOUCHES,
        json.dumps(dict(fields)).encode(),
        headers(path=path, received_at=received_at, item_count=1, **more),
        key,
    )
