"""Install events: what the SDK reports at the first open, with what the store passed on.

On Android the Play Install Referrer brings a query string and four clocks, in whole seconds, two of
them Google's and two the phone's. On iOS the store brings nothing; now and then a deep link does.
"""

import numpy as np
import polars as pl

from unmogrowp.simulator.columns import formatted, text_at
from unmogrowp.simulator.lifecycle import VERSION, event_rows
from unmogrowp.simulator.market import Fraud, Market
from unmogrowp.simulator.randomness import Dice, Ints

ORGANIC_REFERRERS = ("utm_source=google-play&utm_medium=organic", "utm_source=(not%20set)")
SECOND_MS = 1000


def install_events(
    market: Market,
    installs: pl.DataFrame,
    devices: pl.DataFrame,
    touches: pl.DataFrame,
    session: Ints,
    dice: Dice,
) -> pl.DataFrame:
    """Return *Application Installed* of every install, in order; `session` are their sessions."""
    rng = dice.stream("install events")
    count = installs.height
    device = devices[installs["device"]]
    is_android = device["platform"] == "android"
    click_id = text_at(touches["usable_click_id"], installs["carried_touch"].to_numpy())
    query = _query(market, installs, click_id, rng)
    server_click = installs["referrer_click_at"] // SECOND_MS
    server_begin = installs["begin_at"] // SECOND_MS
    offset = device["clock_offset_ms"]
    is_spoofed = installs["kind"] == Fraud.SDK_SPOOFING
    has_clocks = is_android & device["has_referrer"] & ~is_spoofed
    phone_click = pl.select(
        pl.when(server_click > 0)
        .then((installs["referrer_click_at"] + offset) // SECOND_MS)
        .otherwise(0)
    ).to_series()
    base = f'{{"version":"{VERSION}","build":"241"'
    with_clocks = formatted(
        base
        + ',"install_referrer":{"install_referrer":"{}",'
        + '"referrer_click_timestamp_seconds":{},"install_begin_timestamp_seconds":{},'
        + '"referrer_click_timestamp_server_seconds":{},'
        + '"install_begin_timestamp_server_seconds":{},'
        + f'"install_version":"{VERSION}","google_play_instant":false}}}}',
        query,
        phone_click.clip(0),
        ((installs["begin_at"] + offset) // SECOND_MS).clip(0),
        server_click,
        server_begin,
    )
    as_text = formatted(base + ',"install_referrer":"{}"}', query)
    by_deep_link = formatted(base + ',"click_id":"{}"}', click_id)
    properties = pl.select(
        pl.when(has_clocks)
        .then(with_clocks)
        .when(is_spoofed)
        .then(as_text)
        .when(~is_android & (click_id != ""))
        .then(by_deep_link)
        .otherwise(pl.lit(base + "}"))
    ).to_series()
    return event_rows(
        np.arange(count),
        session,
        installs["opened_at"].to_numpy(),
        "Application Installed",
        properties=properties,
    )


def _query(
    market: Market, installs: pl.DataFrame, click_id: pl.Series, rng: np.random.Generator
) -> pl.Series:
    """Return the referrer's query string of each install."""
    sources = pl.DataFrame(
        [
            {
                "referrer_network": number,
                "referrer_campaign": place,
                "source": network.media_source,
                "campaign": campaign,
                "medium": "cpc" if network.reports_touches else "owned",
            }
            for number, network in enumerate(market.networks)
            for place, campaign in enumerate(network.campaigns)
        ]
    )
    named = installs.join(
        sources, on=["referrer_network", "referrer_campaign"], how="left", maintain_order="left"
    )
    organic = pl.Series(
        np.array(ORGANIC_REFERRERS)[(rng.random(installs.height) < 0.15).astype(int)].tolist(),
        dtype=pl.String,
    )
    paid = formatted(
        "utm_source={}&utm_medium={}&utm_campaign={}",
        named["source"],
        named["medium"],
        named["campaign"],
    )
    with_id = formatted("{}&click_id={}", paid, click_id)
    return pl.select(
        pl.when(named["source"].is_null())
        .then(organic)
        .when(click_id != "")
        .then(with_id)
        .otherwise(paid)
    ).to_series()
