"""What happens in the app: sessions, sign-ups, purchases, and people who are brought back.

Events are one row each: install, device, session, at (epoch ms), type, name, properties (JSON
text), user_id. A session is what a phone sends together.
"""

from typing import Any

import numpy as np
import polars as pl

from unmogrowp.simulator.causes import NEVER
from unmogrowp.simulator.columns import formatted, rows
from unmogrowp.simulator.exposures import HOUR_MS, HOUR_WEIGHTS, Span
from unmogrowp.simulator.market import Fraud, Market
from unmogrowp.simulator.population import DAY_MS
from unmogrowp.simulator.randomness import Dice, Ints, choose, hex_ids

PRICES_IN_EUROS = (0.99, 1.99, 4.99, 9.99, 49.99)
PRICE_WEIGHTS = (40, 25, 20, 12, 3)
# Decimal places of ISO 4217 that are not two.
EXPONENTS = {"JPY": 0, "KWD": 3}
VERSION = "2.4.1"
EVENT_SCHEMA: dict[str, Any] = {
    "install": pl.Int64,
    "device": pl.Int64,
    "session": pl.Int64,
    "at": pl.Int64,
    "type": pl.String,
    "name": pl.String,
    "properties": pl.String,
    "user_id": pl.String,
}


def event_rows(install: Ints, session: Ints, at: Ints, name: str, **columns: Any) -> pl.DataFrame:
    """Return events of one name; the device follows from the install (`generate`)."""
    values: dict[str, Any] = {
        "type": "track", "properties": "{}", "user_id": "", "device": -1, **columns,
        "install": install, "session": session, "at": at, "name": name,
    }  # fmt: skip
    return rows(EVENT_SCHEMA, len(install), values)


def draw_sessions(
    market: Market, span: Span, installs: pl.DataFrame, devices: pl.DataFrame, dice: Dice
) -> pl.DataFrame:
    """Return the sessions of real installs: install, at, is_first; by (install, at)."""
    rng = dice.stream("sessions")
    behaviour = market.behaviour
    quality = np.array([*(one.quality for one in market.networks), 1.0])
    real = np.flatnonzero((installs["person"] >= 0).to_numpy())
    opened = installs["opened_at"].to_numpy()[real]
    until = np.minimum(installs["removed_at"].to_numpy()[real], span.end_ms)
    factor = quality[installs["cause_network"].to_numpy()[real]]
    offset = devices["utc_offset_minutes"].gather(installs["device"].gather(real)).to_numpy()

    days = np.maximum(0, (until - opened) // DAY_MS)
    place = np.repeat(np.arange(len(real)), days)
    day = np.arange(len(place)) - np.repeat(np.cumsum(days) - days, days) + 1
    chance = behaviour.retention_day_one * day**-behaviour.retention_decay * factor[place]
    is_active = rng.random(len(place)) < chance
    place, day = place[is_active], day[is_active]
    times = 1 + rng.poisson(behaviour.sessions_per_active_day - 1, len(place))
    place, day = np.repeat(place, times), np.repeat(day, times)
    hour = choose(rng, HOUR_WEIGHTS, len(place)) * HOUR_MS + rng.integers(0, HOUR_MS, len(place))
    local_day = (opened[place] + offset[place] * 60_000) // DAY_MS + day
    at = local_day * DAY_MS + hour - offset[place] * 60_000
    kept = (at > opened[place] + 20 * 60_000) & (at < until[place] - 30 * 60_000)

    frame = pl.DataFrame(
        {
            "install": np.concatenate((real, real[place[kept]])),
            "at": np.concatenate((opened, at[kept])),
            "is_first": np.concatenate((np.ones(len(real), bool), np.zeros(kept.sum(), bool))),
        }
    )
    return frame.sort("install", "at", maintain_order=True)


def in_app_events(
    market: Market,
    installs: pl.DataFrame,
    devices: pl.DataFrame,
    sessions: pl.DataFrame,
    user_ids: pl.Series,
    dice: Dice,
) -> pl.DataFrame:
    """Return everything but the install events themselves; sessions are numbered by place."""
    rng = dice.stream("in-app events")
    behaviour = market.behaviour
    install = sessions["install"].to_numpy()
    start = sessions["at"].to_numpy()
    is_first = sessions["is_first"].to_numpy()
    number = np.arange(len(install))
    quality = np.array([*(one.quality for one in market.networks), 1.0])
    factor = quality[installs["cause_network"].to_numpy()[install]]

    later = np.flatnonzero(~is_first)
    opened = event_rows(
        install[later],
        number[later],
        start[later],
        "Application Opened",
        properties='{"from_background":false}',
    )
    levels = rng.poisson(2.0, len(install))
    of = np.repeat(number, levels)
    level = event_rows(
        install[of],
        of,
        start[of] + 20_000 + rng.integers(0, 900_000, len(of)),
        "Level Completed",
        properties=formatted('{"level":{}}', rng.integers(1, 60, len(of))),
    )
    ads = np.flatnonzero(rng.random(len(install)) < behaviour.ad_revenue_share)
    shown = event_rows(
        install[ads],
        ads,
        start[ads] + 60_000 + rng.integers(0, 600_000, len(ads)),
        "Ad Revenue",
        properties=formatted(
            '{"revenue":"0.{}","currency":"USD","mediation":"in_house"}',
            pl.Series(rng.integers(800, 60_000, len(ads))).cast(pl.String).str.zfill(6),
        ),
    )
    # Few buy in their first minutes.
    chance = behaviour.payer_share * factor * np.where(is_first, 0.3, 1.0)
    payers = np.flatnonzero(rng.random(len(install)) < chance)
    bought = orders(
        rng,
        installs,
        devices,
        install[payers],
        payers,
        start[payers] + 90_000 + rng.integers(0, 700_000, len(payers)),
    )
    signs = np.flatnonzero(is_first & (rng.random(len(install)) < behaviour.sign_up_share))
    person = installs["person"].gather(install[signs])
    signed_at = start[signs] + 30_000 + rng.integers(0, 240_000, len(signs))
    signed = event_rows(
        install[signs],
        signs,
        signed_at,
        "",
        type="identify",
        properties='{"plan":"free"}',
        user_id=user_ids.gather(person),
    )
    guests = np.flatnonzero(
        ~is_first & (rng.random(len(install)) < market.population.shared_device_share / 3)
    )
    host = installs["person"].gather(install[guests]).to_numpy()
    other = user_ids.gather((host + 1) % len(user_ids))
    guest = event_rows(
        install[guests],
        guests,
        start[guests] + 10_000,
        "",
        type="identify",
        properties='{"plan":"free"}',
        user_id=other,
    )
    events = pl.concat([opened, level, shown, bought])
    return pl.concat(
        [_signed_in(events, install[signs], signed_at, signed["user_id"]), signed, guest]
    )


def orders(
    rng: np.random.Generator,
    installs: pl.DataFrame,
    devices: pl.DataFrame,
    install: Ints,
    session: Ints,
    at: Ints,
) -> pl.DataFrame:
    """Return purchases in the currency of the device's country."""
    count = len(install)
    place = devices[installs["device"].gather(install)].select("currency", "euro_rate")
    euros = np.array(PRICES_IN_EUROS)[choose(rng, PRICE_WEIGHTS, count)]
    amount = pl.Series("amount", euros) / place["euro_rate"]
    order = hex_ids(rng, count, 6)
    revenue = pl.select(
        pl.when(place["currency"].is_in([c for c, n in EXPONENTS.items() if n == 0]))
        .then(_decimal(amount, 0))
        .when(place["currency"].is_in([c for c, n in EXPONENTS.items() if n == 3]))
        .then(_decimal(amount, 3))
        .otherwise(_decimal(amount, 2))
    ).to_series()
    properties = formatted(
        '{"order_id":"o-{}","revenue":"{}","currency":"{}"}', order, revenue, place["currency"]
    )
    return event_rows(install, session, at, "Order Completed", properties=properties)


def _decimal(amount: pl.Series, places: int) -> pl.Series:
    """Return amounts as text with exactly so many decimals, by whole numbers of minor units."""
    unit = 10**places
    minor = (amount * unit).round(0).clip(1).cast(pl.Int64)
    whole, rest = (minor // unit).cast(pl.String), (minor % unit).cast(pl.String)
    if places == 0:
        return pl.Series(whole)
    return formatted("{}.{}", whole, rest.str.zfill(places))


def _signed_in(events: pl.DataFrame, install: Ints, at: Ints, user_id: pl.Series) -> pl.DataFrame:
    """Give events after the sign-up of their install its user id."""
    table = pl.DataFrame({"install": install, "signed_at": at, "who": user_id})
    joined = events.join(table, on="install", how="left", maintain_order="left")
    return joined.with_columns(
        user_id=pl.when(pl.col("at") >= pl.col("signed_at")).then("who").otherwise(pl.lit(""))
    ).select(EVENT_SCHEMA.keys())


def fake_events(
    installs: pl.DataFrame, devices: pl.DataFrame, first_session: int, dice: Dice
) -> pl.DataFrame:
    """Return what spoofed installs report: goals reached faster than fingers move."""
    rng = dice.stream("fake events")
    spoofed = np.flatnonzero((installs["kind"] == Fraud.SDK_SPOOFING).to_numpy())
    session = first_session + np.arange(len(spoofed))
    opened = installs["opened_at"].to_numpy()[spoofed]
    goals = rng.integers(5, 10, len(spoofed))
    of = np.repeat(np.arange(len(spoofed)), goals)
    level = event_rows(
        spoofed[of],
        session[of],
        opened[of] + rng.integers(200, 1_500, len(of)),
        "Level Completed",
        properties=formatted('{"level":{}}', rng.integers(1, 60, len(of))),
    )
    paid = np.flatnonzero(rng.random(len(spoofed)) < 0.3)
    bought = orders(rng, installs, devices, spoofed[paid], session[paid], opened[paid] + 1_700)
    return pl.concat([level, bought])


def lapsed(
    span: Span, installs: pl.DataFrame, sessions: pl.DataFrame, quiet_days: float
) -> tuple[Ints, Ints]:
    """Return installs whose people stay away so long within the span, and their last session."""
    last = sessions.group_by("install", maintain_order=True).agg(pl.col("at").max())
    removed = installs["removed_at"].gather(last["install"])
    is_gone = (removed == NEVER) & (last["at"] + quiet_days * DAY_MS < span.end_ms)
    gone = last.filter(is_gone)
    return gone["install"].to_numpy(), gone["at"].to_numpy()
