"""Plays a market: puts the parts in order and hands over everything that happened.

The order matters only where one part needs what another made; chance does not depend on it, since
every part draws from a stream of its own.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from unmogrowp.simulator.causes import NEVER, Causes, World, draw_organic
from unmogrowp.simulator.columns import scattered
from unmogrowp.simulator.delivery import session_requests, touch_requests
from unmogrowp.simulator.exposures import Exposures, Span, draw_exposures
from unmogrowp.simulator.fraud import Scene, cheat
from unmogrowp.simulator.installs import first_installs, further_installs
from unmogrowp.simulator.lifecycle import draw_sessions, event_rows, fake_events, in_app_events
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.population import person_rates, populate
from unmogrowp.simulator.randomness import Dice, hex_ids, uuids
from unmogrowp.simulator.returning import Returns, draw_returns, return_events
from unmogrowp.simulator.store import install_events
from unmogrowp.simulator.touches import honest_touches, with_click_ids


@dataclass(frozen=True, slots=True)
class Played:
    """A market that was played. Frames are described in the modules that make them.

    `events` has `message_id` and `anonymous_id` besides the columns of `lifecycle` and is ordered
    by (session, at); the install event of install n is in session n. `requests` are those of
    phones and `touch_requests` those of networks, with `touch_places` saying which touch is in
    which.
    """

    market: Market
    span: Span
    users: int
    seed: int
    devices: pl.DataFrame
    exposures: Exposures
    causes: Causes
    touches: pl.DataFrame
    installs: pl.DataFrame
    events: pl.DataFrame
    returns: Returns
    requests: pl.DataFrame
    touch_requests: pl.DataFrame
    touch_places: pl.DataFrame


def play(market: Market, *, users: int, days: int, start_ms: int, seed: int) -> Played:
    """Play a market of so many people from `start_ms` (a UTC midnight) for so many days."""
    dice, span = Dice(seed), Span(start_ms, days)
    devices = populate(market, users, dice)
    people = devices.head(users)
    is_ios = (people["platform"] == "ios").to_numpy()
    exposures = draw_exposures(
        market,
        span,
        dice,
        is_ios=is_ios,
        offset_minutes=people["utc_offset_minutes"].to_numpy(),
        rates=person_rates(market, users, dice),
    )
    causes = World(market, span, exposures, draw_organic(market, span, users, dice)).causes()

    begun = scattered(users, causes.person, causes.begin_at, NEVER)
    touches = honest_touches(market, exposures, begun, people["shows_id"].to_numpy(), dice)
    touch_of_exposure = scattered(
        len(exposures), touches["exposure"].to_numpy(), np.arange(touches.height), -1
    )
    installs = first_installs(market, exposures, causes, touch_of_exposure, is_ios, dice)
    installs, devices = further_installs(market, span, devices, installs, dice)
    scene = Scene(market, span, users, devices, installs, touches, dice)
    cheat(scene)
    devices, installs, touches = scene.devices, scene.installs, scene.touches

    sessions = draw_sessions(market, span, installs, devices, dice)
    clicks, returns = draw_returns(market, span, installs, devices, sessions, touches.height, dice)
    touches = with_click_ids(market, pl.concat([touches, clicks]), dice)
    events = _events(market, span, users, devices, installs, touches, sessions, returns, dice)
    requests = _phone_requests(market, devices, events, dice)
    of_networks, places = touch_requests(market, touches, dice)
    return Played(
        market, span, users, seed, devices, exposures, causes, touches, installs, events, returns,
        requests, of_networks, places,
    )  # fmt: skip


def _events(
    market: Market,
    span: Span,
    users: int,
    devices: pl.DataFrame,
    installs: pl.DataFrame,
    touches: pl.DataFrame,
    sessions: pl.DataFrame,
    returns: Returns,
    dice: Dice,
) -> pl.DataFrame:
    count = installs.height
    number = np.arange(count)
    user_ids = pl.select(
        pl.concat_str(pl.lit("u-"), hex_ids(dice.stream("user ids"), users))
    ).to_series()
    used = in_app_events(market, installs, devices, sessions, user_ids, dice)
    first_fake = count + sessions.height
    first_return = first_fake + count
    parts = [
        install_events(market, installs, devices, touches, number, dice),
        event_rows(
            number,
            number,
            installs["opened_at"].to_numpy() + 40,
            "Application Opened",
            properties='{"from_background":false}',
        ),
        used.with_columns(session=pl.col("session") + count),
        fake_events(installs, devices, first_fake, dice),
        return_events(market, installs, devices, touches, returns, first_return, dice),
    ]
    events = pl.concat(parts).filter(pl.col("at") < span.end_ms)
    ids = uuids(dice.stream("message ids"), events.height)
    anonymous = uuids(dice.stream("anonymous ids"), count)
    return events.with_columns(
        device=installs["device"].gather(events["install"]),
        anonymous_id=anonymous.gather(events["install"]),
        message_id=ids,
    ).sort("session", "at", maintain_order=True)


def _phone_requests(
    market: Market, devices: pl.DataFrame, events: pl.DataFrame, dice: Dice
) -> pl.DataFrame:
    sessions = events.group_by("session", maintain_order=True).agg(
        pl.col("device").first(), last_at=pl.col("at").max()
    )
    offset = devices["clock_offset_ms"].gather(sessions["device"])
    return session_requests(market, sessions.with_columns(clock_offset_ms=offset), dice)
