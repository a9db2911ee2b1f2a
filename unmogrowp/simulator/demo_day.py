"""A day in the life of a small app, with everything that goes wrong on a real one.

Pure and seeded: the same seed and instant give the same day. What should come out of attribution
is part of the day (`expected_sources`), so that whoever sends it can hold the tables against it.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

NETWORKS = ("northstar_ads", "pixelhouse", "glow_media")
CAMPAIGNS = {
    "northstar_ads": ("spring_runners", "lookalike_eu"),
    "pixelhouse": ("video_rewarded", "playables"),
    "glow_media": ("influencer_launch",),
}
IOS_MODELS = ("iPhone15,2", "iPhone14,5", "iPad14,1")
ANDROID_MODELS = ("Pixel 8", "SM-S921B", "Redmi Note 13")
COUNTRIES = ("DE", "FR", "ES", "GB", "US", "BR")


@dataclass(frozen=True, slots=True)
class Device:
    """A phone with the identifiers its owner lets apps see."""

    number: int
    platform: str
    model: str
    country: str
    device_id: str
    advertising_id: str

    def context(self) -> dict[str, Any]:
        """Return the `context` object that a mobile SDK sends."""
        return {
            "app": {"name": "Demo Runner", "version": "2.4.1", "namespace": "com.example.runner"},
            "device": {
                "id": self.device_id,
                "advertisingId": self.advertising_id,
                "adTrackingEnabled": bool(self.advertising_id),
                "model": self.model,
                "type": self.platform,
            },
            "os": {
                "name": "iOS" if self.platform == "ios" else "Android",
                "version": "18.1" if self.platform == "ios" else "15",
            },
            "locale": f"en-{self.country}",
        }


@dataclass(frozen=True, slots=True)
class SdkEvent:
    """One call of the Segment client."""

    device: Device
    name: str
    at_ms: int
    message_id: str
    properties: dict[str, Any] = field(default_factory=dict)
    copies: int = 1

    @property
    def timestamp(self) -> datetime:
        """Return the client time as the SDK wants it."""
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self.at_ms)


@dataclass(frozen=True, slots=True)
class Touch:
    """One click or impression an ad network reports, and how often it reports it."""

    touch_type: str
    parameters: dict[str, str]
    copies: int = 1


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request no SDK should send: `title` says what is wrong with it."""

    title: str
    path: str
    body: bytes
    expected_status: int
    with_key: bool = True


@dataclass(slots=True)
class DemoDay:
    """Everything to send, and what should come out."""

    events: list[SdkEvent] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    raw_requests: list[RawRequest] = field(default_factory=list)
    expected_sources: Counter[str] = field(default_factory=Counter)
    stories: dict[str, str] = field(default_factory=dict)

    @property
    def request_count(self) -> int:
        """Return how many things a sender has to do, for its progress bar."""
        return (
            sum(event.copies for event in self.events)
            + sum(touch.copies for touch in self.touches)
            + len(self.raw_requests)
        )


class _Author:
    """Writes one day; each method adds one kind of story."""

    def __init__(self, now_ms: int, seed: int) -> None:
        self.now_ms = now_ms
        self.random = random.Random(f"{seed}/{now_ms}")  # nosec B311 - made-up traffic
        self.day = DemoDay()
        self.devices = 0

    def device(self) -> Device:
        rng = self.random
        self.devices += 1
        platform = rng.choice(("ios", "android"))
        ident = "-".join(f"{rng.getrandbits(bits):0{bits // 4}x}" for bits in (32, 16, 16, 16, 48))
        shows_advertising_id = rng.random() < (0.3 if platform == "ios" else 0.8)
        return Device(
            number=self.devices,
            platform=platform,
            model=rng.choice(IOS_MODELS if platform == "ios" else ANDROID_MODELS),
            country=rng.choice(COUNTRIES),
            device_id=f"{rng.getrandbits(64):016x}" if platform == "android" else ident.upper(),
            advertising_id=ident if shows_advertising_id else "",
        )

    def message_id(self) -> str:
        return f"demo-{self.random.getrandbits(80):020x}"

    def instant(self) -> int:
        """Return an install time of the past day, at least two hours ago."""
        return self.now_ms - self.random.randrange(2 * HOUR_MS, 20 * HOUR_MS)

    def install(
        self, device: Device, at_ms: int, source: str, properties: dict[str, Any] | None = None
    ) -> str:
        """Add the first open, what the user did next, and the source it should get."""
        message_id = self.message_id()
        self.day.events.append(
            SdkEvent(
                device,
                "Application Installed",
                at_ms,
                message_id,
                {"version": "2.4.1", "build": "241", **(properties or {})},
            )
        )
        self.day.expected_sources[source] += 1
        for step in range(self.random.randrange(1, 4)):
            self.day.events.append(
                SdkEvent(
                    device,
                    "Application Opened",
                    min(at_ms + (step + 1) * 7 * MINUTE_MS, self.now_ms - MINUTE_MS),
                    self.message_id(),
                    {"from_background": step > 0},
                )
            )
        if self.random.random() < 0.3:
            price = self.random.choice(("0.99", "4.99", "9.99"))
            self.day.events.append(
                SdkEvent(
                    device,
                    "Order Completed",
                    min(at_ms + HOUR_MS, self.now_ms - MINUTE_MS),
                    self.message_id(),
                    {
                        "order_id": f"o-{device.number}",
                        "revenue": price,
                        "currency": "EUR",
                    },
                )
            )
        return message_id

    def touch(
        self, touch_type: str, network: str, at_ms: int, more: dict[str, str], copies: int = 1
    ) -> dict[str, str]:
        parameters = {
            "media_source": network,
            "campaign": self.random.choice(CAMPAIGNS[network]),
            "site_id": f"pub-{self.random.randrange(1, 9)}",
            "touch_at": str(at_ms),
            "cost_model": "cpc" if touch_type == "click" else "cpm",
            "cost_value": "0.12" if touch_type == "click" else "0.002",
            "cost_currency": "EUR",
            **more,
        }
        self.day.touches.append(Touch(touch_type, parameters, copies))
        return parameters

    def click_id(self) -> str:
        return f"Clk{self.random.getrandbits(64):016X}"

    def advertising_parameter(self, device: Device) -> dict[str, str]:
        name = "idfa" if device.platform == "ios" else "gaid"
        return {name: device.advertising_id}

    def device_with_advertising_id(self) -> Device:
        while True:
            device = self.device()
            if device.advertising_id:
                return device

    def device_on(self, platform: str) -> Device:
        while True:
            device = self.device()
            if device.platform == platform:
                return device

    # Stories -------------------------------------------------------------------------------

    def by_click_id(self) -> None:
        device, at, network = self.device(), self.instant(), self.random.choice(NETWORKS)
        click_id = self.click_id()
        self.touch(
            "click", network, at - self.random.randrange(1, 50) * MINUTE_MS, {"click_id": click_id}
        )
        self.install(device, at, network, {"click_id": click_id})

    def by_device_id(self) -> None:
        device, at = self.device_with_advertising_id(), self.instant()
        network = self.random.choice(NETWORKS)
        self.touch(
            "click",
            network,
            at - self.random.randrange(1, 72) * HOUR_MS,
            self.advertising_parameter(device),
        )
        self.install(device, at, network)

    def by_referrer(self) -> None:
        at = self.instant()
        self.install(
            self.device_on("android"),
            at,
            "newsletter",
            {
                "install_referrer": {
                    "install_referrer": "utm_source=newsletter&utm_medium=email&utm_campaign=may",
                    "referrer_click_timestamp_server_seconds": (at - 9 * MINUTE_MS) // 1000,
                    "install_begin_timestamp_server_seconds": (at - 2 * MINUTE_MS) // 1000,
                }
            },
        )

    def by_impression(self) -> None:
        device, at = self.device_with_advertising_id(), self.instant()
        network = self.random.choice(NETWORKS)
        self.touch("impression", network, at - 3 * HOUR_MS, self.advertising_parameter(device))
        self.install(device, at, network)

    def click_beats_later_impression(self) -> None:
        device, at = self.device_with_advertising_id(), self.instant()
        ids = self.advertising_parameter(device)
        self.touch("click", "northstar_ads", at - 26 * HOUR_MS, ids)
        self.touch("impression", "pixelhouse", at - 2 * MINUTE_MS, ids)
        message_id = self.install(device, at, "northstar_ads")
        self.day.stories.setdefault(message_id, "an older click against a later impression")

    def organic(self) -> None:
        self.install(self.device(), self.instant(), "organic")

    def click_after_install(self) -> None:
        device, at = self.device_with_advertising_id(), self.instant()
        self.touch("click", "glow_media", at + 30_000, self.advertising_parameter(device))
        message_id = self.install(device, at, "organic")
        self.day.stories.setdefault(message_id, "a click that came after the install")

    def click_outside_window(self) -> None:
        device, at = self.device_with_advertising_id(), self.instant()
        self.touch("click", "pixelhouse", at - 7 * DAY_MS - 1, self.advertising_parameter(device))
        message_id = self.install(device, at, "organic")
        self.day.stories.setdefault(message_id, "a click one millisecond outside its window")

    def duplicates(self) -> None:
        device, at = self.device(), self.instant()
        click_id = self.click_id()
        self.touch("click", "pixelhouse", at - 5 * MINUTE_MS, {"click_id": click_id}, copies=2)
        self.install(device, at, "pixelhouse", {"click_id": click_id})
        self.day.events.append(
            SdkEvent(device, "Level Completed", at + MINUTE_MS, self.message_id(), {"level": 1}, 3)
        )

    def late_events(self) -> None:
        device = self.device()
        at = self.now_ms - 3 * DAY_MS
        self.install(device, at, "organic")
        self.day.events.append(
            SdkEvent(
                device,
                "Order Completed",
                at + HOUR_MS,
                self.message_id(),
                {"order_id": "late-1", "revenue": "2.49", "currency": "EUR"},
            )
        )

    def requests_that_go_wrong(self) -> None:
        device = self.device_on("ios")
        skew_ms = 2 * HOUR_MS + 13_000
        skewed = _body(
            self.now_ms + skew_ms,
            {
                "type": "track",
                "event": "Application Opened",
                "messageId": self.message_id(),
                "anonymousId": "demo-skewed",
                "timestamp": _iso(self.now_ms + skew_ms - HOUR_MS),
                "context": {
                    "library": {"name": "analytics-ios", "version": "4.1.8"},
                    "device": {"id": device.device_id, "type": "ios"},
                },
            },
        )
        # The phone has no install event: its first event stands for one.
        self.day.expected_sources["organic"] += 1
        good = {"type": "track", "event": "Level Completed", "userId": "u-1"}
        one_bad_item = _body(
            self.now_ms,
            {**good, "messageId": self.message_id()},
            {"type": "track", "messageId": self.message_id()},
        )
        self.day.raw_requests += [
            RawRequest("a phone whose clock is two hours fast", "/v1/batch", skewed, 200),
            RawRequest(
                "a batch with one item that has no event name and no user",
                "/v1/batch",
                one_bad_item,
                200,
            ),
            RawRequest("a batch cut off in the middle", "/v1/batch", skewed[:90], 400),
            RawRequest(
                "a batch without a valid key",
                "/v1/batch",
                one_bad_item,
                401,
                with_key=False,
            ),
        ]


def _iso(epoch_ms: int) -> str:
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=epoch_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(sent_ms: int, *items: dict[str, Any]) -> bytes:
    return json.dumps({"batch": items, "sentAt": _iso(sent_ms)}).encode()


def write_demo_day(now_ms: int, seed: int = 1) -> DemoDay:
    """Return a day that ends at `now_ms` (epoch milliseconds)."""
    author = _Author(now_ms, seed)
    cast: list[tuple[Callable[[], None], int]] = [
        (author.click_after_install, 1),
        (author.click_outside_window, 1),
        (author.click_beats_later_impression, 2),
        (author.by_click_id, 22),
        (author.by_device_id, 14),
        (author.by_referrer, 8),
        (author.by_impression, 5),
        (author.organic, 24),
        (author.duplicates, 3),
        (author.late_events, 2),
        (author.requests_that_go_wrong, 1),
    ]
    for story, times in cast:
        for _ in range(times):
            story()
    author.random.shuffle(author.day.events)
    author.random.shuffle(author.day.touches)
    return author.day
