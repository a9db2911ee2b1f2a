"""People who stopped using the app and are brought back by a retargeting click."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from unmogrowp.simulator.columns import formatted
from unmogrowp.simulator.exposures import HOUR_MS, Span, site_numbers
from unmogrowp.simulator.lifecycle import event_rows, lapsed, orders
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.population import DAY_MS
from unmogrowp.simulator.randomness import Dice, Floats, Ints
from unmogrowp.simulator.touches import touch_rows

QUIET_DAYS = 8.0
SPREAD_DAYS = 10.0
REMINDED_DAYS = 0.8
# The links of a retargeting campaign lead into the app.
SCHEME = "runner://offer"


@dataclass(frozen=True, slots=True)
class Returns:
    """Equally long arrays: the install somebody came back to, the touch that did it, and when."""

    install: Ints
    touch: Ints
    opened_at: Ints


def draw_returns(
    market: Market,
    span: Span,
    installs: pl.DataFrame,
    devices: pl.DataFrame,
    sessions: pl.DataFrame,
    first_touch: int,
    dice: Dice,
) -> tuple[pl.DataFrame, Returns]:
    """Return the clicks (to be numbered from `first_touch`) and whom they bring back."""
    rng = dice.stream("returns")
    install, last = lapsed(span, installs, sessions, QUIET_DAYS)
    shows = devices["shows_id"].gather(installs["device"].gather(install)).to_numpy()
    install, last = install[shows], last[shows]
    draw = rng.random(len(install))
    click = last + ((QUIET_DAYS + rng.random(len(install)) * SPREAD_DAYS) * DAY_MS).astype(np.int64)
    opened = click + rng.integers(3_000, 15_000, len(install))
    # Nobody reaches those who would come back after the market, or as it ends.
    draw = np.where(opened < span.end_ms - HOUR_MS, draw, np.inf)
    nobody = np.zeros(0, dtype=np.int64)
    back, rows = [nobody], [touch_rows(nobody, nobody, network=0, site=0, campaign=0)]
    shares = [one.retargeting_share for one in market.networks]
    for of, clicks in _retargeted(market, installs, install, click, draw, shares):
        back.append(of)
        rows.append(clicks.with_columns(install=pl.Series(install[of])))
    rows += _reminders(market, installs, devices, dice)
    of = np.concatenate(back)
    return pl.concat(rows), Returns(install[of], first_touch + np.arange(len(of)), opened[of])


def _retargeted(
    market: Market,
    installs: pl.DataFrame,
    install: Ints,
    click: Ints,
    draw: Floats,
    shares: Sequence[float],
) -> Iterator[tuple[Ints, pl.DataFrame]]:
    """Give, per network that retargets, the places of the installs it reaches and its clicks.

    `click` and `draw` belong to `install`; each network reaches its share of the draws in [0, 1),
    and nobody is reached by two.
    """
    reached = 0.0
    for number, (network, sites, share) in enumerate(
        zip(market.networks, site_numbers(market), shares, strict=True)
    ):
        if not network.retargeting_campaign or not network.reports_touches:
            continue
        of = np.flatnonzero((draw >= reached) & (draw < reached + share))
        reached += share
        clicks = touch_rows(
            installs["device"].gather(install[of]).to_numpy(),
            click[of],
            network=number,
            site=sites[0],
            campaign=-1,
            is_retargeting=True,
        )
        yield of, clicks


def _reminders(
    market: Market, installs: pl.DataFrame, devices: pl.DataFrame, dice: Dice
) -> list[pl.DataFrame]:
    """Return retargeting clicks of people who removed the app and are about to install it again.

    They cause nothing: a network that shows its ads to whoever comes back anyway looks effective.
    """
    rng = dice.stream("reminders")
    shows = devices["shows_id"].gather(installs["device"]).to_numpy()
    again = np.flatnonzero((installs["kind"] == "reinstall").to_numpy() & shows)
    begun = installs["begin_at"].gather(again).to_numpy()
    click = begun - (60_000 + rng.random(len(again)) * REMINDED_DAYS * DAY_MS).astype(np.int64)
    draw = rng.random(len(again))
    shares = [one.reminder_share for one in market.networks]
    return [clicks for _, clicks in _retargeted(market, installs, again, click, draw, shares)]


def return_events(
    market: Market,
    installs: pl.DataFrame,
    devices: pl.DataFrame,
    touches: pl.DataFrame,
    back: Returns,
    first_session: int,
    dice: Dice,
) -> pl.DataFrame:
    """Return what the app reports of them: the deep link, the open, now and then a purchase."""
    rng = dice.stream("return events")
    session = first_session + np.arange(len(back.install))
    touch = touches[back.touch]
    sources = {n: one.media_source for n, one in enumerate(market.networks)}
    campaigns = {n: one.retargeting_campaign for n, one in enumerate(market.networks)}
    source = touch["network"].replace_strict(sources, return_dtype=pl.String)
    campaign = touch["network"].replace_strict(campaigns, return_dtype=pl.String)
    url = formatted(
        SCHEME + "?click_id={}&utm_source={}&utm_campaign={}",
        touch["usable_click_id"],
        source,
        campaign,
    )
    deep = event_rows(
        back.install,
        session,
        back.opened_at,
        "Deep Link Opened",
        properties=formatted(
            '{"url":"{}","click_id":"{}","provider":"{}"}', url, touch["usable_click_id"], source
        ),
    )
    opened = event_rows(
        back.install,
        session,
        back.opened_at + 150,
        "Application Opened",
        properties=formatted('{"from_background":false,"url":"{}"}', url),
    )
    buys = np.flatnonzero(rng.random(len(session)) < 2.5 * market.behaviour.payer_share)
    bought = orders(
        rng, installs, devices, back.install[buys], session[buys], back.opened_at[buys] + 240_000
    )
    return pl.concat([deep, opened, bought])
