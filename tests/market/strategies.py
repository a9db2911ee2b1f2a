"""Markets that live on the edges: hour, window and midnight boundaries to the millisecond."""

import dataclasses

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from tests.market.build import Market
from tests.market.model import DAY, HOUR, INSTALLED, MINUTE, SECOND, Event, Touch, at

OPENED, LINKED = "Application Opened", "Deep Link Opened"
MIDNIGHT = at("2026-03-10T00:00:00")
ZERO_ID = "00000000-0000-0000-0000-000000000000"

_MOMENTS = [
    MIDNIGHT + offset
    for offset in (
        -2 * HOUR, -HOUR - 1, -HOUR, -1, 0, 1, 30 * MINUTE, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR,
        12 * HOUR, DAY - 1, DAY, DAY + HOUR, 7 * DAY - 1, 7 * DAY, 7 * DAY + 30 * MINUTE,
    )
]  # fmt: skip
_AGES = [
    SECOND - 1, SECOND, SECOND + 1, 10 * SECOND, 6 * HOUR, 6 * HOUR + 1,
    0, 1, -1, HOUR, -HOUR, DAY - 1, DAY, DAY + 1, -DAY, -DAY - 1, -DAY + 1,
    7 * DAY - 1, 7 * DAY, 7 * DAY + 1, 8 * DAY - 1, 8 * DAY, 8 * DAY + 1, 3 * DAY,
]  # fmt: skip
_LATER = [*_MOMENTS, *_MOMENTS[-3:], *_MOMENTS[-3:], *_MOMENTS[-3:]]
_ASKED_BEFORE = [
    -1, 0, 1, SECOND - 1, SECOND, 10 * MINUTE, HOUR, HOUR + 1, 6 * HOUR, DAY, DAY + 1, 3 * DAY,
    3 * DAY + 1, 5 * DAY, 7 * DAY - 1, 7 * DAY, 7 * DAY + 1,
]  # fmt: skip
_RETURNS = [OPENED, OPENED, LINKED, "Order Completed"]
_CLICK_IDS = ["", "clk-1", "CLK-1", "clk-2", "0", "{click_id}", "null"]
_ADVERTISING_IDS = ["", ZERO_ID, "ad-1", "ad-2"]
_AGENTS = [
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/130.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15",
    "Runner/7 CFNetwork/1490.0.4 Darwin/23.2.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
]
_REFERRERS = [
    "",
    "utm_source=google-play&utm_medium=organic",
    "utm_source=(not%20set)&utm_medium=(not%20set)",
    "utm_source=net%20one&utm_campaign=spring+sale&click_id=clk-1",
    "utm_source=net_two&utm_medium=cpc&clickid=%7Bclickid%7D&unmogrowp_click_id=clk-2",
    "gclid=G-1&utm_medium=organic",
    "gclid=clk-1",
    "utm_source%3Dnet_three%26utm_campaign%3Dautumn",
    "?utm_source=net_four&click_id=&click_id=clk-1",
    "clickid=CLK-1",
]


@composite
def markets(draw: DrawFn, app_id: str = "app") -> Market:
    """Draw one market: up to three devices with six touches, and often a phone that comes back."""
    devices = draw(st.lists(_devices(), min_size=1, max_size=3))
    events = []
    for number in range(draw(st.integers(1, 6))):
        device = draw(st.sampled_from(devices))
        occurred_at = draw(st.sampled_from(_MOMENTS))
        events.append(
            dataclasses.replace(
                device,
                app_id=app_id,
                message_id=f"m{draw(st.sampled_from([number, number, number, 0]))}",
                event_name=draw(
                    st.sampled_from(
                        [INSTALLED, INSTALLED, OPENED, OPENED, LINKED, "Order Completed"]
                    )
                ),
                occurred_at=occurred_at,
                received_at=occurred_at + draw(st.sampled_from([0, SECOND, 3 * DAY, 31 * DAY])),
                clock_skew_ms=draw(st.sampled_from([0, 0, 5_250, -1_500])),
                properties=draw(_properties(occurred_at)),
                context=draw(
                    st.sampled_from(
                        [
                            {},
                            {"campaign": {"click_id": "clk-2"}},
                            {"referrer": {"id": "clk-1"}, "campaign": {"click_id": "none"}},
                            {"campaign": "text", "referrer": {"id": 7}},
                            {"device": {"adTrackingEnabled": True}},
                            {"device": {"adTrackingEnabled": "true"}},
                            {"device": {"adTrackingEnabled": False}},
                        ]
                    )
                ),
                offset=number,
            )
        )
    comebacks = draw(_comebacks(app_id)) if draw(st.sampled_from([0, 1, 1])) else Market()
    anchors = [event.occurred_at for event in events]
    touches = [draw(_touches(app_id, number, anchors)) for number in range(draw(st.integers(0, 6)))]
    if touches and draw(st.booleans()):
        touches.append(_second_copy(touches[0], draw(_touches(app_id, len(touches), anchors))))
    return Market(
        (*_one_content_per_message(events), *comebacks.events), (*touches, *comebacks.touches)
    )


@composite
def _comebacks(draw: DrawFn, app_id: str) -> Market:
    """Draw a phone that installs and comes back, and touches that asked it to."""
    platform = draw(st.sampled_from(["ios", "android"]))
    advertising_id = draw(st.sampled_from(["ad-1", "ad-2", "ad-3"]))
    phone = Event(
        app_id=app_id,
        message_id="",
        occurred_at=0,
        device_key=draw(st.sampled_from(["dev-1", "dev-3", "dev-3"])),
        platform=platform,
        idfa=advertising_id if platform == "ios" else "",
        gaid=advertising_id if platform == "android" else "",
        ip_hash="home",
        user_agent=_AGENTS[2] if platform == "ios" else _AGENTS[0],
    )
    installed_at = draw(st.sampled_from(_MOMENTS[:6]))
    names = [INSTALLED, *[draw(st.sampled_from(_RETURNS)) for _ in range(draw(st.integers(1, 4)))]]
    events = [
        dataclasses.replace(
            phone,
            message_id=f"r{number}",
            event_name=name,
            occurred_at=occurred_at,
            received_at=occurred_at + draw(st.sampled_from([0, SECOND, 3 * DAY])),
            properties={"click_id": click_id}
            if (click_id := draw(st.sampled_from(["", "", "clk-1", "clk-2"])))
            else {},
            offset=100 + number,
        )
        for number, name in enumerate(names)
        for occurred_at in [draw(st.sampled_from(_LATER)) if number else installed_at]
    ]
    moments = [event.occurred_at for event in events[1:]]
    touches = [
        Touch(
            app_id=app_id,
            touch_id=f"r{number}",
            touch_type=draw(st.sampled_from(["click", "click", "impression"])),
            media_source=draw(st.sampled_from(["net_one", "net_two"])),
            campaign=draw(st.sampled_from(["", "c1"])),
            touch_at=touch_at,
            received_at=touch_at + draw(st.sampled_from([0, SECOND, 2 * DAY])),
            click_id=draw(st.sampled_from(["", "", "clk-1", "clk-2"])),
            idfa=draw(st.sampled_from(["", phone.idfa, phone.idfa, phone.idfa])),
            gaid=draw(st.sampled_from(["", phone.gaid, phone.gaid, phone.gaid])),
            is_retargeting=draw(st.sampled_from([True, True, True, False])),
            offset=100 + number,
        )
        for number in range(draw(st.integers(2, 5)))
        for touch_at in [draw(st.sampled_from(moments)) - draw(st.sampled_from(_ASKED_BEFORE))]
    ]
    return Market(tuple(events), tuple(touches))


def generate(count: int, seed_value: int) -> list[Market]:
    """Return markets of apps app-0, app-1, …; the same seed gives the same ones."""
    found: list[Market] = []

    @seed(seed_value)
    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None)
    @given(markets())
    def collect(market: Market) -> None:
        found.append(market)

    collect()
    return [_named(market, f"app-{number}") for number, market in enumerate(found)]


def _second_copy(first: Touch, other: Touch) -> Touch:
    """Return a copy that came after the horizon of deduplication, with other ids in it."""
    return dataclasses.replace(
        other,
        touch_id=first.touch_id,
        touch_type=first.touch_type,
        media_source=first.media_source,
        click_id=first.click_id,
        is_retargeting=first.is_retargeting,
        touch_at=first.touch_at,
        received_at=first.received + 31 * DAY,
    )


def _named(market: Market, app_id: str) -> Market:
    return Market(
        tuple(dataclasses.replace(one, app_id=app_id) for one in market.events),
        tuple(dataclasses.replace(one, app_id=app_id) for one in market.touches),
    )


def _one_content_per_message(events: list[Event]) -> list[Event]:
    """Copies of a message say the same; only their clocks and their receipt differ."""
    first: dict[tuple[str, str], Event] = {}
    return [
        dataclasses.replace(
            first.setdefault((event.device_key, event.message_id), event),
            occurred_at=event.occurred_at,
            received_at=event.received_at,
            clock_skew_ms=event.clock_skew_ms,
            offset=event.offset,
        )
        for event in events
    ]


@composite
def _devices(draw: DrawFn) -> Event:
    key = draw(st.sampled_from(["dev-1", "dev-2", "message:m0"]))
    platform = draw(st.sampled_from(["ios", "android", "android", "web", "server"]))
    device_id = draw(st.sampled_from(["", "dev-1", "dev-2", ZERO_ID]))
    advertising_id = draw(st.sampled_from(_ADVERTISING_IDS))
    return Event(
        message_id="",
        occurred_at=0,
        device_key=key,
        platform=platform,
        device_id=device_id,
        idfv=device_id if platform == "ios" else "",
        idfa=advertising_id if platform == "ios" else "",
        android_id=device_id if platform == "android" else "",
        gaid=advertising_id if platform != "ios" else "",
        user_id=draw(st.sampled_from(["", "user-1"])),
        ip_hash=draw(st.sampled_from(["", "home", "home", "cafe"])),
        os_version=draw(st.sampled_from(["", "14", "14.2", "Android 13", "17.1"])),
        user_agent=draw(st.sampled_from(["", *_AGENTS])),
    )


@composite
def _properties(draw: DrawFn, occurred_at: int) -> dict[str, object]:
    properties: dict[str, object] = {}
    click_id = draw(st.sampled_from([None, None, *_CLICK_IDS, 12345, True]))
    if click_id is not None:
        properties["click_id"] = click_id
    referrer = draw(st.sampled_from(_REFERRERS))
    clock = draw(
        st.sampled_from([None, 0, -5, occurred_at // 1000, occurred_at // 1000 - 600])
        | st.sampled_from([occurred_at // 1000 - 7 * 86_400, occurred_at // 1000 + 60])
        | st.sampled_from([str(occurred_at // 1000 - 30), occurred_at, "soon"])
    )
    shape = draw(st.sampled_from(["absent", "text", "object", "object"]))
    if shape == "text":
        properties["install_referrer"] = referrer
    if shape == "object":
        inner: dict[str, object] = {"install_referrer": referrer}
        if clock is not None:
            name = draw(st.sampled_from(["", "server_"]))
            inner[f"referrer_click_timestamp_{name}seconds"] = clock
            inner[f"install_begin_timestamp_{name}seconds"] = clock
        properties["install_referrer"] = inner
    return properties


def _touches(app_id: str, number: int, anchors: list[int]) -> SearchStrategy[Touch]:
    return st.builds(
        lambda anchor, age, delay, **fields: Touch(
            app_id=app_id,
            touch_at=anchor - age,
            received_at=anchor - age + delay,
            offset=number,
            **fields,
        ),
        anchor=st.sampled_from(anchors),
        age=st.sampled_from(_AGES),
        delay=st.sampled_from([0, SECOND, 2 * DAY, 31 * DAY]),
        touch_id=st.just(f"t{number}"),
        touch_type=st.sampled_from(["click", "click", "impression"]),
        media_source=st.sampled_from(["net_one", "net_two"]),
        campaign=st.sampled_from(["", "c1"]),
        click_id=st.sampled_from(["", "", "clk-1", "clk-2", "CLK-1", "0"]),
        idfa=st.sampled_from(_ADVERTISING_IDS),
        gaid=st.sampled_from(_ADVERTISING_IDS),
        idfv=st.sampled_from(["", "dev-1"]),
        android_id=st.sampled_from(["", "", "dev-2", ZERO_ID]),
        user_id=st.sampled_from(["", "user-1"]),
        ip_hash=st.sampled_from(["", "home", "cafe"]),
        user_agent=st.sampled_from(["", *_AGENTS]),
        is_retargeting=st.booleans(),
    )
