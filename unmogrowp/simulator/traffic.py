"""All requests of a market as lines, in the order of arrival, some thousands at a time."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from unmogrowp.simulator.delivery import within
from unmogrowp.simulator.generate import Played
from unmogrowp.simulator.wire import batch_lines, device_contexts, event_items
from unmogrowp.simulator.wire_touches import touch_fields, touch_lines

REQUESTS_PER_CHUNK = 40_000


def arrival_order(played: Played) -> pl.DataFrame:
    """Return is_phone and row of every request that arrives in time, by (arrives_at, kind, row)."""
    both = [
        frame.select("arrives_at", is_phone=pl.lit(is_phone), row=pl.int_range(pl.len()))
        for is_phone, frame in ((True, played.requests), (False, played.touch_requests))
    ]
    in_time = within(played.span, pl.concat(both))
    return in_time.sort("arrives_at", "is_phone", "row").drop("arrives_at")


def traffic_lines(played: Played) -> Iterator[pl.Series]:
    """Give the lines of all requests, chunk by chunk; what they hold is described in `wire`."""
    contexts = device_contexts(played.market, played.devices)
    order = arrival_order(played)
    for first in range(0, order.height, REQUESTS_PER_CHUNK):
        chunk = order.slice(first, REQUESTS_PER_CHUNK).with_columns(place=pl.int_range(pl.len()))
        lines = pl.concat(
            [
                _phones(played, contexts, chunk.filter(pl.col("is_phone"))),
                _networks(played, chunk.filter(~pl.col("is_phone"))),
            ]
        )
        yield lines.sort("place")["line"]


def _phones(played: Played, contexts: pl.DataFrame, chunk: pl.DataFrame) -> pl.DataFrame:
    requests = played.requests[chunk["row"]].with_columns(place=chunk["place"])
    wanted = requests["session"].unique().to_list()
    events = played.events.filter(pl.col("session").is_in(wanted))
    events = pl.concat([events, contexts[events["device"]]], how="horizontal")
    items = events.select("session", item=event_items(events))
    connection = contexts[requests["device"]].select("ip", "user_agent")
    return batch_lines(pl.concat([requests, connection], how="horizontal"), items)


def _networks(played: Played, chunk: pl.DataFrame) -> pl.DataFrame:
    names = pl.Series(played.market.channels, dtype=pl.String)
    requests = played.touch_requests[chunk["row"]].with_columns(place=chunk["place"])
    requests = requests.with_columns(media_source=names.gather(requests["network"]))
    wanted = requests["request"].unique().to_list()
    places = played.touch_places.filter(pl.col("request").is_in(wanted))
    touches = played.touches[places["touch"]]
    fields = touch_fields(played.market, touches, played.devices, places["touch"])
    device = played.devices[touches["device"]]
    return touch_lines(
        requests,
        fields.with_columns(
            request=places["request"],
            connection_ip=device["ip"],
            connection_user_agent=device["user_agent"],
        ),
    )


def traffic_counts(played: Played) -> dict[str, int]:
    """Return how much was sent in time and how much was still under way at the end."""
    phones, networks = played.requests, played.touch_requests
    sizes = np.bincount(played.touch_places["request"].to_numpy(), minlength=1)
    in_time = within(played.span, networks)
    events = played.events.group_by("session").len()
    sent = within(played.span, phones).join(events, on="session", how="left")
    return {
        "requests": in_time.height + sent.height,
        "events_sent": int(sent["len"].sum()),
        "events": int(
            played.events.filter(pl.col("session").is_in(sent["session"].unique().to_list())).height
        ),
        "touches_sent": int(sizes[in_time["request"].to_numpy()].sum()),
        "touches": int(sizes[in_time["request"].unique().to_numpy()].sum()),
        "requests_sent_twice": int(in_time["is_copy"].sum()) + int(sent["is_copy"].sum()),
        "requests_still_under_way": networks.height + phones.height - in_time.height - sent.height,
    }
