"""Paths of the hot routes and what each means."""

from dataclasses import dataclass, field
from typing import Literal

from unmogrowp.contracts.items import EventType
from unmogrowp.contracts.topics import Topic
from unmogrowp.contracts.touches import TouchType


@dataclass(frozen=True, slots=True)
class Route:
    """One canonical path: a batch, a single call (`event_type`), or a touch (`touch_type`)."""

    path: str
    dialect: Literal["segment", "touch"]
    topic: str
    event_type: EventType | None = None
    touch_type: TouchType | None = None
    path_bytes: bytes = field(init=False)
    dialect_bytes: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path_bytes", self.path.encode())
        object.__setattr__(self, "dialect_bytes", self.dialect.encode())


def _single(event_type: EventType) -> Route:
    return Route(f"/v1/{event_type}", "segment", str(Topic.EVENTS), event_type=event_type)


def _touch(touch_type: TouchType) -> Route:
    return Route(f"/v1/{touch_type}", "touch", str(Topic.TOUCHES), touch_type=touch_type)


_BATCH = Route("/v1/batch", "segment", str(Topic.EVENTS))
_LONG: dict[str, Route] = {
    "batch": _BATCH,
    "import": _BATCH,
    "track": _single("track"),
    "identify": _single("identify"),
    "page": _single("page"),
    "screen": _single("screen"),
    "group": _single("group"),
    "alias": _single("alias"),
    "click": _touch("click"),
    "impression": _touch("impression"),
}
# The short forms of older SDKs.
_SHORT = {
    "b": "batch",
    "t": "track",
    "i": "identify",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
}
ROUTES: dict[str, Route] = {
    path + slash: route
    for path, route in (
        *((f"/v1/{name}", route) for name, route in _LONG.items()),
        *((f"/v1/{short}", _LONG[name]) for short, name in _SHORT.items()),
    )
    for slash in ("", "/")
}
ROUTES_BY_BYTES = {path.encode(): route for path, route in ROUTES.items()}
