"""Installs as rows: who, on which device, because of what, and what the store says about it.

One row per first open; its place in the frame is its number. Columns:

    person, device            numbers; person is -1 for made-up installs of fraudsters
    kind                      install, reinstall, device_farm, sdk_spoofing
    begin_at, opened_at       download began, app opened first (epoch ms)
    removed_at                when the app was removed; NEVER
    cause                     organic, touch, or the fraud that made the install up
    cause_network             number of the channel that caused it, -1 for none
    cause_exposure            place of the causing exposure, -1
    carried_touch             number of the touch whose click id the install carries, -1
    referrer_network          number of the channel the store's referrer names, -1 for organic
    referrer_campaign         its campaign
    referrer_click_at         click time the store gives, 0 where it has none
"""

from typing import Any

import numpy as np
import polars as pl

from unmogrowp.simulator.causes import NEVER, Causes
from unmogrowp.simulator.columns import at_places, rows, scattered
from unmogrowp.simulator.exposures import HOUR_MS, Exposures, Span, first_open
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.population import DAY_MS
from unmogrowp.simulator.randomness import Bools, Dice, Ints, log_normal_ms, uuids

SCHEMA: dict[str, Any] = {
    "person": pl.Int64,
    "device": pl.Int64,
    "kind": pl.String,
    "begin_at": pl.Int64,
    "opened_at": pl.Int64,
    "removed_at": pl.Int64,
    "cause": pl.String,
    "cause_network": pl.Int64,
    "cause_exposure": pl.Int64,
    "carried_touch": pl.Int64,
    "referrer_network": pl.Int64,
    "referrer_campaign": pl.Int64,
    "referrer_click_at": pl.Int64,
}


def install_rows(device: Ints, opened_at: Ints, **columns: Any) -> pl.DataFrame:
    """Return rows of installs; what is not given is organic and carries nothing."""
    values: dict[str, Any] = {
        "person": -1,
        "kind": "install",
        "removed_at": NEVER,
        "cause": "organic",
        "cause_network": -1,
        "cause_exposure": -1,
        "carried_touch": -1,
        "referrer_network": -1,
        "referrer_campaign": 0,
        "referrer_click_at": 0,
        **columns,
        "device": device,
        "opened_at": opened_at,
    }
    return rows(SCHEMA, len(device), values)


def first_installs(
    market: Market,
    exposures: Exposures,
    causes: Causes,
    touch_of_exposure: Ints,
    is_ios: Bools,
    dice: Dice,
) -> pl.DataFrame:
    """Return the installs that the causal model decided, with what the store passes on.

    `touch_of_exposure` is the number of the reported touch of each exposure, -1 where none is;
    `is_ios` is per person.
    """
    rng = dice.stream("first installs")
    count = len(causes.person)
    place = causes.exposure
    is_ad = place >= 0
    network = at_places(exposures.network, place, -1)
    ios = is_ios[causes.person]
    is_click = at_places(exposures.is_click, place, False)
    share = np.array([[one.click_id_share, one.ios_click_id_share] for one in market.networks])[
        network, ios.astype(np.int64)
    ]
    touch = at_places(touch_of_exposure, place, -1)
    passes_id = is_click & (touch >= 0) & (rng.random(count) < share)
    return install_rows(
        causes.person,
        causes.opened_at,
        person=causes.person,
        begin_at=causes.begin_at,
        cause=np.where(is_ad, "touch", "organic").tolist(),
        cause_network=network,
        cause_exposure=place,
        carried_touch=np.where(passes_id, touch, -1),
        referrer_network=np.where(is_click & ~ios, network, -1),
        referrer_campaign=at_places(exposures.campaign, place, 0),
        referrer_click_at=np.where(is_click & ~ios, at_places(exposures.at, place, 0), 0),
    )


def further_installs(
    market: Market, span: Span, devices: pl.DataFrame, first: pl.DataFrame, dice: Dice
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all real installs (second devices and reinstalls added) and all devices."""
    rng = dice.stream("further installs")
    population, behaviour = market.population, market.behaviour
    opened = dict(zip(first["person"].to_list(), first["opened_at"].to_list(), strict=True))
    second = devices.with_row_index("device").filter(pl.col("kind") == "second")
    chosen = second.filter(
        pl.Series(rng.random(second.height) < population.second_install_share)
        & second["person"].is_in(list(opened))
    )
    begin = np.array([opened[person] for person in chosen["person"]], dtype=np.int64)
    begin += HOUR_MS + (rng.random(len(begin)) * 5 * DAY_MS).astype(np.int64)
    at = first_open(market, rng, begin)
    is_in = np.flatnonzero(at < span.end_ms)
    seconds = install_rows(
        chosen["device"].cast(pl.Int64).to_numpy()[is_in],
        at[is_in],
        person=chosen["person"].to_numpy()[is_in],
        begin_at=begin[is_in],
    )
    real = pl.concat([first, seconds])

    began = real["opened_at"].to_numpy() + DAY_MS + log_normal_ms(rng, 4 * 86_400, 0.9, real.height)
    again_at = first_open(market, rng, began)
    is_again = (rng.random(real.height) < behaviour.reinstall_share) & (again_at < span.end_ms)
    again = np.flatnonzero(is_again)
    removed = began[again] - (rng.random(len(again)) * DAY_MS * 0.9).astype(np.int64)
    real = real.with_columns(removed_at=pl.Series(scattered(real.height, again, removed, NEVER)))
    old = devices[real["device"].gather(again)]
    is_reset = (old["platform"] == "ios").to_numpy() & (
        rng.random(len(again)) < behaviour.idfv_reset_share
    )
    fresh = old.filter(pl.Series(is_reset)).with_columns(kind=pl.lit("reset"))
    fresh = fresh.with_columns(device_id=uuids(rng, fresh.height).str.to_uppercase())
    device = real["device"].gather(again).to_numpy().copy()
    device[is_reset] = devices.height + np.arange(fresh.height)
    reinstalls = install_rows(
        device,
        again_at[again],
        person=real["person"].gather(again).to_numpy(),
        kind="reinstall",
        begin_at=began[again],
    )
    return pl.concat([real, reinstalls]), pl.concat([devices, fresh])
