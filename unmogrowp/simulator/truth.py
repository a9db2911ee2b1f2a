"""The truth beside the traffic: what caused each install, which touches were honest, who helped.

Every frame joins to the tables of the warehouse by what the traffic itself carries: installs and
re-engagements by the `message_id` of their event, touches by their `touch_id`. That id depends on
the app the traffic is sent to, so the truth keeps the text it is made from: `touch_id` is the
SHA-256 of `id_text` with `{app_id}` replaced, in hex, cut to 32 characters.
"""

import numpy as np
import polars as pl

from unmogrowp.contracts.touches import FIELDS
from unmogrowp.simulator.columns import at_places, scattered, text_at
from unmogrowp.simulator.delivery import within
from unmogrowp.simulator.generate import Played
from unmogrowp.simulator.wire_touches import touch_fields

SEPARATOR = "\x1f"
ORGANIC = "(organic)"


def delivered_sessions(played: Played) -> pl.Series:
    """Return the sessions of which a request arrives in time."""
    return within(played.span, played.requests)["session"].unique(maintain_order=True)


def delivered_touches(played: Played) -> pl.Series:
    """Return the touches of which a request arrives in time."""
    in_time = within(played.span, played.touch_requests)
    arrived = played.touch_places["request"].is_in(in_time["request"].unique().to_list())
    return played.touch_places.filter(arrived)["touch"]


def _flags(count: int, places: pl.Series) -> pl.Series:
    return pl.Series(np.isin(np.arange(count), places.to_numpy()))


def touch_truth(played: Played, messages: pl.Series) -> pl.DataFrame:
    """Return one row per touch; `messages` are those of `install_messages`.

    Columns: id_text, touch_type, media_source, campaign, site_id, click_id ('' where it is no
    usable one), touch_at (epoch ms), device_id, fraud ('' for honest), is_retargeting,
    install_message_id (the install it caused or, as a fraud, claims; ''), is_delivered.
    """
    touches = played.touches
    numbers = pl.Series(np.arange(touches.height))
    fields = touch_fields(played.market, touches, played.devices, numbers)
    at = touches["at"].cast(pl.String)
    known = {name: fields[name] for name in fields.columns}
    nothing, app = pl.lit(""), pl.lit("{app_id}")
    usable = touches["usable_click_id"]
    by_click_id = pl.concat_str(
        [pl.lit("click"), app, known["touch_type"], known["media_source"], usable, at],
        separator=SEPARATOR,
    )
    by_fields = pl.concat_str(
        [
            pl.lit("fields"),
            app,
            known["touch_type"],
            at,
            *(known.get(name, nothing) for name in FIELDS),
            pl.lit("country=") + known["country"],
        ],
        separator=SEPARATOR,
    )
    exposure = touches["exposure"].to_numpy()
    installs = played.installs
    causing = installs["cause_exposure"].to_numpy()
    real = np.flatnonzero((causing >= 0) & (installs["kind"] == "install").to_numpy())
    caused = scattered(len(played.exposures), causing[real], real, -1)
    install = np.where(
        exposure >= 0, at_places(caused, exposure, -1), touches["install"].to_numpy()
    )
    return pl.select(
        id_text=pl.when(usable != "").then(by_click_id).otherwise(by_fields),
        touch_type=known["touch_type"],
        media_source=known["media_source"],
        campaign=known["campaign"],
        site_id=known["site_id"],
        click_id=usable,
        touch_at=touches["at"],
        device_id=played.devices["device_id"].gather(touches["device"]).str.to_lowercase(),
        fraud=touches["fraud"],
        is_retargeting=touches["is_retargeting"],
        install_message_id=text_at(messages, install),
        is_delivered=_flags(touches.height, delivered_touches(played)),
    )


def install_messages(played: Played) -> pl.Series:
    """Return the message id of each install's event."""
    events = played.events.filter(pl.col("name") == "Application Installed")
    return events.sort("install")["message_id"]


def install_truth(
    played: Played, touches: pl.DataFrame, messages: pl.Series, sessions: pl.Series
) -> pl.DataFrame:
    """Return one row per install event.

    Args:
        played: The market.
        touches: The touch truth.
        messages: Those of `install_messages`.
        sessions: Those of `delivered_sessions`.

    Columns: message_id, person_id, device_id, platform, country, kind (install, reinstall,
    device_farm, sdk_spoofing), installed_at (epoch ms, true), cause (organic, touch, or a fraud),
    media_source and campaign of the cause ('' for none), cause_id_text and cause_touch_at of the
    causing touch ('' and null where it was not reported), evidence (how the cause could be known
    at best: click_id, device_id, referrer, none; '' for organic), carried_fraud (fraud of the
    touch whose click id the install carries), is_delivered.
    """
    installs, market = played.installs, played.market
    device = played.devices[installs["device"]]
    network = installs["cause_network"].to_numpy()
    of_exposure = played.touches["exposure"].to_numpy()
    honest = np.flatnonzero(of_exposure >= 0)
    touch = scattered(len(played.exposures), of_exposure[honest], honest, -1)
    exposure = installs["cause_exposure"].to_numpy()
    cause = at_places(touch, exposure, -1)
    carried = installs["carried_touch"].to_numpy()
    store_speaks = ((device["platform"] == "ios") | device["has_referrer"]).to_numpy()
    has_id = (text_at(played.touches["usable_click_id"], cause) != "").to_numpy()
    shows = at_places(played.touches["shows_device"].to_numpy(), cause, False)
    is_cause = (installs["cause"] == "touch").to_numpy()
    by_referrer = (installs["referrer_network"].to_numpy() == network) & device[
        "has_referrer"
    ].to_numpy()
    evidence = np.select(
        [
            ~is_cause,
            (cause >= 0) & (carried == cause) & has_id & store_speaks,
            (cause >= 0) & shows,
            by_referrer,
        ],
        ["", "click_id", "device_id", "referrer"],
        "none",
    )
    sources = np.array([*market.channels, ""])
    campaigns = {
        (n, place): name
        for n, one in enumerate(market.networks)
        for place, name in enumerate(one.campaigns)
    }
    campaign = [
        campaigns.get(key, "")
        for key in zip(
            network.tolist(),
            at_places(played.exposures.campaign, exposure, -1).tolist(),
            strict=True,
        )
    ]
    person = installs["person"]
    return pl.select(
        message_id=messages,
        person_id=pl.when(person >= 0)
        .then(pl.lit("p") + person.cast(pl.String))
        .otherwise(pl.lit("")),
        device_id=device["device_id"].str.to_lowercase(),
        platform=device["platform"],
        country=device["country_code"],
        kind=installs["kind"],
        installed_at=installs["opened_at"],
        cause=installs["cause"],
        media_source=pl.Series(sources[network].tolist(), dtype=pl.String),
        campaign=pl.Series(campaign, dtype=pl.String),
        cause_id_text=text_at(touches["id_text"], cause),
        cause_touch_at=pl.when(pl.Series(exposure >= 0)).then(
            pl.Series(at_places(played.exposures.at, exposure, 0))
        ),
        evidence=pl.Series(evidence.tolist(), dtype=pl.String),
        carried_fraud=text_at(touches["fraud"], np.where(store_speaks, carried, -1)),
        is_delivered=_flags(installs.height, sessions),
    )


def journey_truth(played: Played, messages: pl.Series) -> pl.DataFrame:
    """Return what each channel contributed to each first install of a person.

    Columns: message_id, media_source (a channel, or `(organic)` for what would have come anyway),
    contribution (fair part, adds up to 1 per install), is_necessary (without it: no install).
    Rows with nothing to say are left out.
    """
    causes = played.causes
    message = messages.head(len(causes.person))
    frames = [
        pl.DataFrame(
            {
                "message_id": message,
                "media_source": [name] * len(message),
                "contribution": causes.part[:, channel],
                "is_necessary": ~causes.without[:, channel],
            },
            schema_overrides={"media_source": pl.String},
        )
        for channel, name in enumerate(played.market.channels)
    ]
    frames.append(
        pl.DataFrame(
            {
                "message_id": message,
                "media_source": [ORGANIC] * len(message),
                "contribution": causes.baseline,
                "is_necessary": np.zeros(len(message), dtype=bool),
            },
            schema_overrides={"media_source": pl.String},
        )
    )
    everything = pl.concat(frames).filter(
        (pl.col("contribution").abs() > 1e-12) | pl.col("is_necessary")
    )
    return everything.sort("message_id", "media_source")


def return_truth(
    played: Played, touches: pl.DataFrame, messages: pl.Series, sessions: pl.Series
) -> pl.DataFrame:
    """Return one row per re-engagement: message_id of its *Deep Link Opened*, install_message_id,
    id_text of the touch, media_source, opened_at, is_delivered. Arguments as of `install_truth`.
    """
    back = played.returns
    events = played.events.filter(pl.col("name") == "Deep Link Opened").select(
        "install", "message_id", "session"
    )
    frame = pl.DataFrame(
        {
            "install": back.install,
            "id_text": touches["id_text"].gather(back.touch),
            "media_source": touches["media_source"].gather(back.touch),
            "opened_at": back.opened_at,
        }
    ).join(events, on="install", how="left", maintain_order="left")
    arrived = frame["session"].is_in(sessions.to_list())
    return frame.select(
        "message_id",
        "id_text",
        "media_source",
        "opened_at",
        install_message_id=messages.gather(frame["install"]),
        is_delivered=arrived,
    )


def channel_totals(played: Played) -> list[dict[str, object]]:
    """Return per channel in all: exposures, clicks, installs caused and needed, its part."""
    causes, exposures = played.causes, played.exposures
    network = at_places(exposures.network, causes.exposure, -1)
    return [
        {
            "media_source": name,
            "exposures": int((exposures.network == n).sum()),
            "clicks": int(((exposures.network == n) & exposures.is_click).sum()),
            "installs_caused": int((network == n).sum()),
            "installs_only_with_it": int((~causes.without[:, n]).sum()),
            "contribution": round(float(causes.part[:, n].sum()), 6),
        }
        for n, name in enumerate(played.market.channels)
    ] + [
        {
            "media_source": ORGANIC,
            "exposures": 0,
            "clicks": 0,
            "installs_caused": int((network == -1).sum()),
            "installs_only_with_it": 0,
            "contribution": round(float(causes.baseline.sum()), 6),
        }
    ]
