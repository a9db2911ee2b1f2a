"""What clients send: devices, events and touches with every field explicit.

Events say that a server library sent them unless told otherwise, so that their client time counts
as it is and expected rows can be exact to the millisecond.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

SERVER_LIBRARY = {"name": "analytics-python", "version": "2.4.0"}
DEVICE_LIBRARY = {"name": "analytics-ios", "version": "4.1.8"}
INSTALLED = "Application Installed"


def iso(epoch_ms: int) -> str:
    """Return an instant the way Segment's libraries write it."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=epoch_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def identifier(*parts: object) -> str:
    """Return a UUID that is the same for the same parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))


@dataclass(frozen=True)
class Device:
    """A phone; its name makes its ids."""

    name: str
    platform: str = "android"
    advertising_id: str = ""
    device_id: str = ""

    @classmethod
    def named(cls, name: str, platform: str = "android") -> "Device":
        """Return a phone whose owner allows everything."""
        return cls(name, platform, identifier(name, "advertising"), identifier(name, "device"))

    @property
    def anonymous_id(self) -> str:
        """Return what the SDK on it calls itself."""
        return f"anon-{self.name}"

    @property
    def advertising_field(self) -> str:
        """Return the name of its advertising id in touches."""
        return "gaid" if self.platform == "android" else "idfa"

    def context(self, library: Mapping[str, str] = SERVER_LIBRARY) -> dict[str, Any]:
        """Return the `context` of its events."""
        return {
            "library": dict(library),
            "app": {"name": "Runner", "version": "2.4.1"},
            "device": {
                "id": self.device_id,
                "advertisingId": self.advertising_id,
                "adTrackingEnabled": True,
                "type": self.platform,
                "model": "Pixel 8" if self.platform == "android" else "iPhone15,2",
            },
            "os": {"name": "Android" if self.platform == "android" else "iOS", "version": "18.1"},
        }


def track(
    device: Device,
    name: str,
    at_ms: int,
    *,
    properties: Mapping[str, Any] | None = None,
    library: Mapping[str, str] = SERVER_LIBRARY,
    message_id: str = "",
) -> dict[str, Any]:
    """Return one track item."""
    return {
        "type": "track",
        "event": name,
        "messageId": message_id or identifier(device.name, name, at_ms),
        "anonymousId": device.anonymous_id,
        "timestamp": iso(at_ms),
        "properties": dict(properties or {}),
        "context": device.context(library),
    }


def batch(*items: Mapping[str, Any], sent_ms: int | None = None) -> bytes:
    """Return the body of `/v1/batch`."""
    body: dict[str, Any] = {"batch": items}
    if sent_ms is not None:
        body["sentAt"] = iso(sent_ms)
    return json.dumps(body).encode()
