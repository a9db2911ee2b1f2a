"""When what reaches the collector: sessions become requests, networks report, things get lost.

A request is numbered by its place; `sent_at` is when the sender believed it sent it (a phone's
clock may be off), `arrives_at` when the collector gets it. Copies are requests of their own.
"""

import numpy as np
import polars as pl

from unmogrowp.simulator.exposures import HOUR_MS, Span
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.randomness import Dice, Ints, log_normal_ms

DAY_MS = 86_400_000
# A copy that comes after the horizon of deduplication would be a new row: no SDK waits that long.
LATEST_COPY_DAYS = 6


def session_requests(market: Market, sessions: pl.DataFrame, dice: Dice) -> pl.DataFrame:
    """Return requests of phones: session, device, clock_offset_ms, is_copy, sent_at (by the phone's
    clock), arrives_at.

    Args:
        market: Its `delivery` is used.
        sessions: session, device, last_at (epoch ms of the last event), clock_offset_ms.
        dice: Where chance comes from.
    """
    rng = dice.stream("delivery of events")
    delivery = market.delivery
    count = sessions.height
    flush = (rng.exponential(8_000, count) + 500).astype(np.int64)
    waits = (rng.exponential(delivery.late_hours, count) * HOUR_MS).astype(np.int64)
    is_late = rng.random(count) < delivery.late_share
    sent = sessions["last_at"].to_numpy() + flush + np.where(is_late, waits, 0)
    frame = sessions.select(
        "session",
        "device",
        "clock_offset_ms",
        true_sent_at=pl.Series(sent),
        is_copy=pl.lit(False),
    )
    frame = pl.concat([frame, _copies(rng, frame, delivery.duplicate_share, "true_sent_at")])
    return frame.with_columns(
        sent_at=pl.col("true_sent_at") + pl.col("clock_offset_ms"),
        arrives_at=pl.col("true_sent_at") + pl.Series(_latency(rng, frame.height)),
    ).drop("true_sent_at")


def touch_requests(
    market: Market, touches: pl.DataFrame, dice: Dice
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return requests of networks (request, is_batch, network, is_click, is_copy, arrives_at), and
    (touch, request) which touch is in which, in order.
    """
    rng = dice.stream("delivery of touches")
    delivery = market.delivery
    count = touches.height
    by_batch = np.array([one.posts_batches for one in market.networks])
    is_batch = by_batch[touches["network"].to_numpy()]
    late = (rng.exponential(delivery.late_hours, count) * HOUR_MS).astype(np.int64)
    is_late = rng.random(count) < delivery.touch_late_share
    ready = touches["at"].to_numpy() + np.where(is_late, late, 0)
    step = delivery.touch_batch_seconds * 1000
    slot = np.where(is_batch, ready // step, np.arange(count))
    ordered = (
        touches.select("network", "is_click")
        .with_columns(
            touch=pl.Series(np.arange(count)),
            is_batch=pl.Series(is_batch),
            slot=pl.Series(slot),
            ready=pl.Series(ready),
        )
        .sort("is_batch", "network", "is_click", "slot", "touch")
        .with_columns(
            part=pl.int_range(pl.len()).over("is_batch", "network", "is_click", "slot")
            // delivery.touch_batch_items
        )
    )
    key = ["is_batch", "network", "is_click", "slot", "part"]
    inside = ordered.with_columns(
        request=(pl.struct(key) != pl.struct(key).shift()).fill_null(True).cum_sum() - 1
    )
    requests = inside.group_by("request", maintain_order=True).agg(
        pl.col("is_batch", "network", "is_click").first(),
        pl.col("ready").max(),
        pl.col("slot").first(),
    )
    ready_at = pl.when("is_batch").then((pl.col("slot") + 1) * step).otherwise("ready")
    requests = requests.with_columns(ready=ready_at, is_copy=pl.lit(False))
    copies = _copies(rng, requests, delivery.duplicate_share, "ready")
    everything = pl.concat([requests, copies]).with_columns(
        arrives_at=pl.col("ready") + pl.Series(_latency(rng, requests.height + copies.height))
    )
    return (
        everything.drop("ready", "slot"),
        inside.select("touch", pl.col("request").cast(pl.Int64)),
    )


def _copies(
    rng: np.random.Generator, requests: pl.DataFrame, share: float, instant: str
) -> pl.DataFrame:
    """Return the requests that are sent once more: most of them soon, some days later."""
    again = requests.filter(pl.Series(rng.random(requests.height) < share))
    soon = log_normal_ms(rng, 15, 1.0, again.height)
    later = (rng.random(again.height) * LATEST_COPY_DAYS * DAY_MS).astype(np.int64)
    wait = np.where(rng.random(again.height) < 0.9, soon, later)
    return again.with_columns(pl.col(instant) + pl.Series(wait), is_copy=pl.lit(True))


def _latency(rng: np.random.Generator, count: int) -> Ints:
    return 20 + log_normal_ms(rng, 0.08, 0.7, count)


def within(span: Span, requests: pl.DataFrame) -> pl.DataFrame:
    """Return the requests that arrive before the market ends."""
    return requests.filter(pl.col("arrives_at") < span.end_ms)
