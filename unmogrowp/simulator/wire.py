"""Writes what phones and networks send: JSON bodies, tracking links, headers; a line per request.

Everything is put together column by column, because a row at a time would take minutes. Nothing
has to be escaped: names are limited to plain characters where they come from (`market`), and the
rest is made of digits and hexadecimal.

A line is one JSON object, in the order of its keys:

    at       when it reaches the collector (epoch ms)
    method, path, headers
             `{app_id}` in the path stands for the app it is sent to; the key is the sender's to add
    clock_offset_ms
             for phones: how far the sender's clock is off, so that a replay at another time can
             write the `sentAt` that this phone would have written then
    body     the JSON body as it is to be sent, byte for byte; absent for links
"""

import polars as pl

from unmogrowp.simulator.lifecycle import VERSION
from unmogrowp.simulator.market import Fraud, Market

LIBRARIES = {"ios": ("analytics-ios", "4.1.8"), "android": ("analytics-android", "4.11.3")}
OPTED_OUT = "00000000-0000-0000-0000-000000000000"
SENT_AT = '{"sentAt":"'


def iso(instant: pl.Expr) -> pl.Expr:
    """Return epoch milliseconds as ISO 8601 in UTC without a zone."""
    return pl.from_epoch(instant, time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f")


def device_contexts(market: Market, devices: pl.DataFrame) -> pl.DataFrame:
    """Return per device, in order, the `context` object and what else its requests need."""
    shown = pl.when("shows_id").then("advertising_id").otherwise(pl.lit(OPTED_OUT))
    spelled = pl.when(pl.col("platform") == "ios").then(shown.str.to_uppercase()).otherwise(shown)
    library = pl.col("platform").replace_strict(
        {name: _library(*value) for name, value in LIBRARIES.items()}, return_dtype=pl.String
    )
    os_name = pl.col("platform").replace_strict({"ios": "iOS", "android": "Android"})
    # A spoofer copies an app of some versions ago.
    version = (
        pl.when(pl.col("kind") == Fraud.SDK_SPOOFING)
        .then(pl.lit("2.1.0"))
        .otherwise(pl.lit(VERSION))
    )
    context = pl.concat_str(
        pl.lit(f'{{"app":{{"name":"Runner","namespace":"{market.bundle_id}","version":"'),
        version,
        pl.lit('"},"device":{"id":"'),
        "device_id",
        pl.lit('","advertisingId":"'),
        spelled,
        pl.lit('","adTrackingEnabled":'),
        pl.when("shows_id").then(pl.lit("true")).otherwise(pl.lit("false")),
        pl.lit(',"model":"'),
        "model",
        pl.lit('","type":"'),
        "platform",
        pl.lit('"},"os":{"name":"'),
        os_name,
        pl.lit('","version":"'),
        "os_version",
        pl.lit('"},"library":'),
        library,
        pl.lit(',"locale":"'),
        "locale",
        pl.lit('","location":{"country":"'),
        "country_code",
        pl.lit('"}}'),
    )
    return devices.select(
        "clock_offset_ms",
        "ip",
        "user_agent",
        zone_ms=pl.when("writes_local_time")
        .then(pl.col("utc_offset_minutes").cast(pl.Int64) * 60_000)
        .otherwise(0),
        zone=pl.when("writes_local_time")
        .then(_zone(pl.col("utc_offset_minutes")))
        .otherwise(pl.lit("Z")),
        context=context,
    )


def _library(name: str, version: str) -> str:
    return f'{{"name":"{name}","version":"{version}"}}'


def _zone(minutes: pl.Expr) -> pl.Expr:
    size = minutes.abs()
    return pl.concat_str(
        pl.when(minutes < 0).then(pl.lit("-")).otherwise(pl.lit("+")),
        (size // 60).cast(pl.String).str.zfill(2),
        pl.lit(":"),
        (size % 60).cast(pl.String).str.zfill(2),
    )


def event_items(events: pl.DataFrame) -> pl.Expr:
    """Return the JSON of items.

    Args:
        events: type, name, message_id, anonymous_id, user_id, at, properties and the columns of
            `device_contexts` of the event's device.
    """
    is_track = events["type"] == "track"
    return pl.concat_str(
        pl.lit('{"type":"'),
        "type",
        pl.when(is_track).then(pl.format('","event":"{}', "name")).otherwise(pl.lit("")),
        pl.lit('","messageId":"'),
        "message_id",
        pl.lit('","anonymousId":"'),
        "anonymous_id",
        pl.when(pl.col("user_id") != "")
        .then(pl.format('","userId":"{}', "user_id"))
        .otherwise(pl.lit("")),
        pl.lit('","timestamp":"'),
        iso(pl.col("at") + pl.col("clock_offset_ms") + pl.col("zone_ms")),
        "zone",
        pl.when(is_track).then(pl.lit('","properties":')).otherwise(pl.lit('","traits":')),
        "properties",
        pl.lit(',"context":'),
        "context",
        pl.lit("}"),
    )


def batch_lines(requests: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return (place, line) of phones' requests.

    Args:
        requests: place, session, arrives_at, sent_at, clock_offset_ms, ip, user_agent.
        items: session, item (JSON), in the order in which they are sent.
    """
    bodies = items.group_by("session", maintain_order=True).agg(pl.col("item").str.join(","))
    joined = requests.join(bodies, on="session", how="left", maintain_order="left")
    return joined.select(
        "place",
        line=pl.concat_str(
            pl.lit('{"at":'),
            "arrives_at",
            pl.lit(',"method":"POST","path":"/v1/batch","headers":'),
            headers("application/json"),
            pl.lit(',"clock_offset_ms":'),
            "clock_offset_ms",
            pl.lit(',"body":' + SENT_AT),
            iso(pl.col("sent_at")),
            pl.lit('Z","batch":['),
            "item",
            pl.lit("]}}"),
        ),
    )


def headers(content_type: str) -> pl.Expr:
    """Return the headers of a request that a device sends itself."""
    kind = f'"Content-Type":"{content_type}",' if content_type else ""
    return pl.concat_str(
        pl.lit("{" + kind + '"User-Agent":"'),
        "user_agent",
        pl.lit('","X-Forwarded-For":"'),
        "ip",
        pl.lit('"}'),
    )
