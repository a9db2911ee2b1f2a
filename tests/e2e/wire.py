"""Requests that are unusual on the wire; each function sends one story and returns the answers."""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.e2e.messages import (
    DAY_MS,
    DEVICE_LIBRARY,
    HOUR_MS,
    INSTALLED,
    MINUTE_MS,
    Device,
    batch,
    track,
)
from tests.e2e.platform import App, Platform

Answers = list[requests.Response]
RECORDED_KEY = "TEST_WRITE_KEY"
RECORDED = Path(__file__).parent.parent / "fixtures" / "clients"
SKEW_MS = 2 * HOUR_MS
# Days on which no other scenario has an install.
LATE_CLICK_DAYS = 12
LATE_INSTALL_DAYS = 14


def _good(name: str, now_ms: int, **properties: Any) -> dict[str, Any]:
    return track(Device(name, "web"), name, now_ms - HOUR_MS, properties=properties)


def _send(platform: Platform, app: App, body: bytes, **headers: str) -> requests.Response:
    return platform.post(
        "/v1/batch",
        body,
        key=app.write_key,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def poison_number(platform: Platform, app: App, now_ms: int) -> Answers:
    """A number no parser of the engine can hold, between two good items."""
    body = batch(_good("before", now_ms), _good("poison", now_ms, n="@"), _good("after", now_ms))
    return [_send(platform, app, body.replace(b'"@"', b"1e400"))]


def poison_text(platform: Platform, app: App, now_ms: int) -> Answers:
    """Bytes that are no UTF-8, between two good items."""
    body = batch(_good("before", now_ms), _good("poison", now_ms, n="@"), _good("after", now_ms))
    return [_send(platform, app, body.replace(b'"@"', b'"\xff\xfe\xc3"'))]


def one_bad_item(platform: Platform, app: App, now_ms: int) -> Answers:
    """One item without a name; the others count."""
    nameless = {"type": "track", "messageId": "nameless", "userId": "u-1"}
    return [_send(platform, app, batch(_good("first", now_ms), nameless, _good("last", now_ms)))]


def strict(platform: Platform, app: App, now_ms: int) -> Answers:
    """Clients that want to know: some items bad, then all of them."""
    nameless = {"type": "track", "messageId": "nameless", "userId": "u-1"}
    nobody = {"type": "track", "event": "x", "messageId": "nobody"}
    return [
        _send(platform, app, batch(_good("first", now_ms), nameless), X_Strict="1"),
        _send(platform, app, batch(nameless, nobody), X_Strict="1"),
    ]


def unreadable(platform: Platform, app: App, now_ms: int) -> Answers:
    """Bodies nobody can read, kept as dead letters."""
    whole = batch(_good("whole", now_ms))
    return [
        _send(platform, app, whole[:60]),
        _send(platform, app, gzip.compress(whole)[:40], Content_Encoding="gzip"),
        _send(platform, app, b"not JSON at all"),
    ]


def gzipped(platform: Platform, app: App, now_ms: int) -> Answers:
    """A compressed body and a single call, each with the key in another place."""
    item = _good("single", now_ms)
    return [
        _send(
            platform, app, gzip.compress(batch(_good("packed", now_ms))), Content_Encoding="gzip"
        ),
        platform.post("/v1/track", {**item, "writeKey": app.write_key}),
    ]


def revoked_key(platform: Platform, app: App, now_ms: int) -> Answers:
    """A key that was good, and then is not."""
    before = _send(platform, app, batch(_good("before", now_ms)))
    platform.revoke(app)
    return [before, _send(platform, app, batch(_good("after", now_ms)))]


def fast_clock(platform: Platform, app: App, now_ms: int) -> Answers:
    """A phone whose clock is two hours fast, with a click ten minutes before its install."""
    phone = Device.named("fast clock", "ios")
    now_ms = int(time.time() * 1000)  # the skew is measured when the request arrives
    at_ms = now_ms - HOUR_MS
    touched = platform.touch(
        "click",
        {
            "app_id": app.app_id,
            "media_source": "alpha",
            "idfa": phone.advertising_id,
            "touch_at": str(at_ms - 10 * MINUTE_MS),
        },
    )
    item = track(phone, INSTALLED, at_ms + SKEW_MS, library=DEVICE_LIBRARY)
    return [touched, _send(platform, app, batch(item, sent_ms=now_ms + SKEW_MS))]


def phone_of_1970(platform: Platform, app: App, now_ms: int) -> Answers:
    """A phone that was never told the time: it sends one minute after the install."""
    phone = Device.named("phone of 1970", "ios")
    item = track(phone, INSTALLED, 5 * MINUTE_MS, library=DEVICE_LIBRARY)
    return [_send(platform, app, batch(item, sent_ms=6 * MINUTE_MS))]


def times(platform: Platform, app: App, now_ms: int) -> Answers:
    """An event of the future and one older than is kept, from a server that should know."""
    phone = Device("server", "server")
    future = track(phone, "future", now_ms + DAY_MS)
    ancient = track(phone, "ancient", now_ms - 4 * 365 * DAY_MS)
    return [_send(platform, app, batch(future, ancient))]


def late_phone() -> Device:
    """Return the phone whose click will be reported late."""
    return Device.named("reported late")


def late(platform: Platform, app: App, now_ms: int) -> Answers:
    """An install of some days ago that is organic as long as its click is not known."""
    item = track(late_phone(), INSTALLED, now_ms - LATE_CLICK_DAYS * DAY_MS)
    return [_send(platform, app, batch(item))]


def touch_forms(platform: Platform, app: App, now_ms: int) -> Answers:
    """The same fields as link, form and JSON; what is unknown is kept."""
    fields = {
        "app_id": app.app_id,
        "media_source": "alpha",
        "campaign": "spring",
        "site_id": "pub-1",
        "touch_at": str(now_ms - HOUR_MS),
        "cost_model": "cpc",
        "cost_value": "0.12",
        "cost_currency": "EUR",
        "creative": "blue",
    }
    return [
        platform.touch("click", {**fields, "click_id": "by-link"}),
        requests.post(
            f"{platform.collector_url}/v1/click",
            data={**fields, "click_id": "by-form"},
            timeout=30,
        ),
        platform.post("/v1/click", {**fields, "click_id": "by-json", "cost_value": 0.12}),
    ]


def recorded(platform: Platform, app: App, now_ms: int) -> Answers:
    """Every request two real SDKs made, byte for byte where they were plain, all of it twice."""
    return [
        requests.request(
            request["method"],
            platform.collector_url + request["path"],
            data=body,
            headers=headers,
            timeout=30,
        )
        for _ in range(2)
        for request, body, headers in map(_replayable, recorded_requests())
    ]


def recorded_requests() -> list[dict[str, Any]]:
    """Return the recorded requests in a fixed order."""
    return [
        request
        for file in sorted(RECORDED.glob("*/*.json"))
        for request in json.loads(file.read_text())["requests"]
    ]


def _replayable(request: dict[str, Any]) -> tuple[dict[str, Any], bytes, dict[str, str]]:
    body = json.dumps(request["body_json"], ensure_ascii=False).encode()
    if request["body_encoding"] == "gzip":
        body = gzip.compress(body)
    dropped = ("host", "content-length", "connection")
    headers = {name: value for name, value in request["headers"] if name.lower() not in dropped}
    return request, body, headers


STORIES: dict[str, Callable[[Platform, App, int], Answers]] = {
    story.__name__: story
    for story in (
        poison_number,
        poison_text,
        one_bad_item,
        strict,
        unreadable,
        gzipped,
        revoked_key,
        fast_clock,
        phone_of_1970,
        times,
        late,
        touch_forms,
        recorded,
    )
}
