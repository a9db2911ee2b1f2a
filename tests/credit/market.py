"""Small markets for the credit marts: people with one id each, their touches and conversions."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from tests.market.build import StillClock
from tests.market.model import DAY, HOUR, Event, Touch, at, insert_events, insert_touches
from unmogrowp.attribution.build import build_installs_day
from unmogrowp.attribution.credit_build import build_credit_day
from unmogrowp.attribution.journey_definitions import (
    Conversion,
    ConversionKind,
    JourneyDefinition,
)
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

MIDNIGHT = at("2026-03-10")
FIRST = MIDNIGHT - 2 * DAY
DAYS = [date(2026, 3, 8), date(2026, 3, 9), date(2026, 3, 10)]
CHANNELS = ("ads", "mail", "(direct)", "social", "")
LOOKBACK = 5 * DAY
RULES = ("first", "last", "last_non_direct", "linear", "position_based", "time_decay")

ORDERS = JourneyDefinition(
    journey_id="orders",
    conversion=Conversion(kind=ConversionKind.REVENUE, currency="EUR"),
    lookback_ms=LOOKBACK,
    half_life_ms=2 * DAY,
    models=(*RULES, "markov_1", "shapley"),
    replicates=20,
)
INSTALLED = ORDERS.model_copy(
    update={"journey_id": "installed", "conversion": Conversion(kind=ConversionKind.INSTALL)}
)


@dataclass(frozen=True)
class Purchase:
    """A conversion: an event with revenue, or the install of a device."""

    app_id: str
    message_id: str
    person: str
    at: int
    revenue: float


@dataclass(frozen=True)
class Market:
    """What happened in one app."""

    app_id: str
    touches: tuple[Touch, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    extra_events: tuple[Event, ...] = field(default=())


def touch(app_id: str, number: int, person: str, channel: str, when: int) -> Touch:
    """Return a touch of a person, who is known by one advertising id."""
    return Touch(
        app_id=app_id,
        touch_id=f"{app_id}-t{number:03}",
        media_source=channel,
        touch_at=when,
        gaid=f"gaid-{person}",
    )


def made_up(count: int, seed: int) -> list[Market]:
    """Make up markets, each an app of its own."""
    rng = random.Random(seed)
    markets = []
    for number in range(count):
        app_id = f"app{number:04}"
        people = [f"{app_id}-p{n}" for n in range(rng.randint(1, 4))]

        def moment(first: int) -> int:
            # Few distinct instants, so that equal ones and edges of the lookback happen.
            return first + rng.randrange(0, 8 * 24) * HOUR + rng.choice([0, 0, 0, 1, -1])

        touches = tuple(
            touch(app_id, n, rng.choice(people), rng.choice(CHANNELS), moment(MIDNIGHT - 7 * DAY))
            for n in range(rng.randint(0, 12))
        )
        purchases = tuple(
            Purchase(
                app_id,
                f"{app_id}-m{n}",
                rng.choice(people),
                FIRST + rng.randrange(0, 3 * 24) * HOUR,
                rng.choice([1.5, 20.0, 0.000000001, 999.99]),
            )
            for n in range(rng.randint(0, 4))
        )
        markets.append(Market(app_id, touches, purchases))
    return markets


def purchase_event(one: Purchase) -> dict[str, Any]:
    """Return the row of clean.events of a purchase."""
    return {
        "app_id": one.app_id,
        "message_id": one.message_id,
        "event_name": "Order Completed",
        "device_key": one.person,
        "occurred_at": one.at,
        "gaid": f"gaid-{one.person}",
    }


def load(warehouse: Warehouse, markets: Iterable[Market]) -> None:
    """Append the rows of markets to the clean layer."""
    markets = list(markets)
    insert_touches(warehouse, [one for market in markets for one in market.touches])
    insert_events(warehouse, [one for market in markets for one in market.extra_events])
    purchases = [one for market in markets for one in market.purchases]
    insert_events(warehouse, [Event(platform="web", **purchase_event(one)) for one in purchases])
    # The builder of test events knows no revenue: it is filled in by the engine.
    if purchases:
        warehouse.execute(
            "ALTER TABLE clean.events UPDATE currency = 'EUR', revenue = toDecimal128("
            " transform(message_id, {ids:Array(String)}, {sums:Array(String)}, '0'), 9)"
            " WHERE has({ids:Array(String)}, message_id) SETTINGS mutations_sync = 1",
            {
                "ids": [one.message_id for one in purchases],
                "sums": [f"{one.revenue:.9f}" for one in purchases],
            },
        )


def build(
    warehouse: Warehouse,
    journeys: Sequence[JourneyDefinition] = (ORDERS,),
    days: Sequence[date] = DAYS,
    watermark: int = 1,
) -> None:
    """Build credit of some days, and installs where they are conversions."""
    for day in days:
        if any(one.conversion.kind == ConversionKind.INSTALL for one in journeys):
            build_installs_day(warehouse, day, watermark, StillClock())
        for journey in journeys:
            build_credit_day(warehouse, journey, day, watermark, StillClock())


def named(channel: str) -> str:
    """Return the channel that a touch of a media source has."""
    return channel or "(unknown)"


def path_of(market: Market, person: str, until: int, lookback: int = LOOKBACK) -> list[Touch]:
    """Return the touches of a person in the lookback before an instant, oldest first."""
    return sorted(
        (
            one
            for one in market.touches
            if one.gaid == f"gaid-{person}" and 0 <= until - one.touch_at <= lookback
        ),
        key=lambda one: (one.touch_at, named(one.media_source), one.touch_id),
    )


def frames(market: Market) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a market as `credit_touches` wants it."""
    touches = pl.DataFrame(
        [(t.gaid, named(t.media_source), utc(t.touch_at)) for t in market.touches],
        schema={
            "person_id": pl.String,
            "channel": pl.String,
            "touch_at": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )
    conversions = pl.DataFrame(
        [(p.message_id, f"gaid-{p.person}", utc(p.at), p.revenue) for p in market.purchases],
        schema={
            "conversion_id": pl.String,
            "person_id": pl.String,
            "converted_at": pl.Datetime("us", "UTC"),
            "value": pl.Float64,
        },
        orient="row",
    )
    return touches, conversions
