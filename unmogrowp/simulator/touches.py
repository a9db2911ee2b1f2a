"""Clicks and impressions as rows: what was shown, by whom, and whether it was honest.

One row per touch that a network reports; its place in the frame is its number. Columns:

    device, network, site, campaign   numbers; campaign -1 is the network's retargeting campaign
    is_click, at                      type and instant (epoch ms)
    fraud                             '' or a value of `Fraud`
    is_retargeting
    exposure                          place of the honest exposure behind it, -1 without one
    shows_device                      carries the advertising id of the device
    country_code                      where the network says it was; '' is where the device is
    install                           number of the install it caused or claims, -1 for none
"""

from typing import Any

import numpy as np
import polars as pl

from unmogrowp.simulator.columns import rows
from unmogrowp.simulator.exposures import Exposures
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.randomness import Bools, Dice, Ints, hex_ids

SCHEMA: dict[str, Any] = {
    "device": pl.Int64,
    "network": pl.Int64,
    "site": pl.Int64,
    "campaign": pl.Int64,
    "is_click": pl.Boolean,
    "at": pl.Int64,
    "fraud": pl.String,
    "is_retargeting": pl.Boolean,
    "exposure": pl.Int64,
    "shows_device": pl.Boolean,
    "country_code": pl.String,
    "install": pl.Int64,
}


def touch_rows(device: Ints, at: Ints, **columns: Any) -> pl.DataFrame:
    """Return rows of touches; columns that are not given are those of an honest click."""
    values: dict[str, Any] = {
        "is_click": True,
        "fraud": "",
        "is_retargeting": False,
        "exposure": -1,
        "shows_device": True,
        "country_code": "",
        "install": -1,
        **columns,
        "device": device,
        "at": at,
    }
    return rows(SCHEMA, len(device), values)


def honest_touches(
    market: Market, exposures: Exposures, installed_at: Ints, shows_id: Bools, dice: Dice
) -> pl.DataFrame:
    """Return what networks report of the exposures.

    `installed_at` is when each person began the download, NEVER for those who did not: most ads
    for an app one has are held back. `shows_id` is per device; people look at their first one.
    """
    rng = dice.stream("honest touches")
    count = len(exposures)
    reports = np.array([one.reports_touches for one in market.networks])
    share = np.array([one.device_id_share for one in market.networks])
    is_before = exposures.at <= installed_at[exposures.person]
    is_shown = is_before | (rng.random(count) < market.behaviour.shown_after_install_share)
    shows = (rng.random(count) < share[exposures.network]) & shows_id[exposures.person]
    kept = np.flatnonzero(is_shown & reports[exposures.network])
    return touch_rows(
        exposures.person[kept],
        exposures.at[kept],
        network=exposures.network[kept],
        site=exposures.site[kept],
        campaign=exposures.campaign[kept],
        is_click=exposures.is_click[kept],
        exposure=kept,
        shows_device=shows[kept],
    )


def with_click_ids(market: Market, touches: pl.DataFrame, dice: Dice) -> pl.DataFrame:
    """Add `click_id` (as sent; '' in `usable_click_id` where it is an unexpanded macro)."""
    rng = dice.stream("click ids")
    ids = hex_ids(rng, touches.height, 10)
    macro = np.array([one.macro_share for one in market.networks])
    is_macro = (rng.random(touches.height) < macro[touches["network"].to_numpy()]) & (
        touches["fraud"].to_numpy() == ""
    )
    # Every network spells its ids in its own way; case matters.
    upper = pl.Series(touches["network"] % 2 == 0)
    prefix = touches["network"].replace_strict(
        {n: f"{one.media_source[:2].title()}" for n, one in enumerate(market.networks)},
        return_dtype=pl.String,
    )
    spelled = pl.select(
        pl.concat_str([prefix, pl.when(upper).then(ids.str.to_uppercase()).otherwise(ids)])
    ).to_series()
    return touches.with_columns(
        usable_click_id=pl.select(
            pl.when(pl.Series(is_macro)).then(pl.lit("")).otherwise(spelled)
        ).to_series()
    ).with_columns(
        click_id=pl.when(pl.col("usable_click_id") == "")
        .then(pl.lit("{click_id}"))
        .otherwise("usable_click_id")
    )
