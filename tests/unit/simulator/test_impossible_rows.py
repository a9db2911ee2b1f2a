"""Nothing happens before its cause, whatever the market; nobody shows an id they hide."""

import json
from hashlib import sha256
from urllib.parse import parse_qsl

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.simulated import START, played
from unmogrowp.contracts.items import read_batch
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.touches import read_parameters, read_touches, touch_id
from unmogrowp.simulator.causes import NEVER
from unmogrowp.simulator.generate import Played, play
from unmogrowp.simulator.market import (
    Behaviour,
    Country,
    Delivery,
    Fraud,
    Market,
    Network,
    Population,
    Publisher,
)
from unmogrowp.simulator.traffic import traffic_lines
from unmogrowp.simulator.truth import (
    delivered_sessions,
    install_messages,
    install_truth,
    journey_truth,
    return_truth,
    touch_truth,
)

SHARES = st.sampled_from([0.0, 0.03, 0.5, 1.0])


@st.composite
def markets(draw):
    networks = []
    for n in range(draw(st.integers(1, 3))):
        is_reported = draw(st.booleans())
        frauds = draw(st.lists(st.sampled_from(Fraud), max_size=2)) if is_reported else []
        networks.append(
            Network(
                media_source=f"net_{n}",
                campaigns=tuple(f"c{n}_{k}" for k in range(draw(st.integers(1, 2)))),
                publishers=(
                    Publisher(site_id=f"honest_{n}"),
                    *(
                        Publisher(
                            site_id=f"cheat_{n}_{k}",
                            fraud=fraud,
                            weight=draw(st.sampled_from([0.0, 1.0])),
                            intensity=draw(st.sampled_from([0.0, 0.05, 1.0])),
                        )
                        for k, fraud in enumerate(frauds)
                    ),
                ),
                android_weight=draw(st.sampled_from([0.0, 1.0])),
                ios_weight=draw(st.sampled_from([0.0, 1.0])),
                click_through_share=draw(SHARES),
                click_effect=draw(SHARES),
                view_effect=draw(SHARES),
                reports_touches=is_reported,
                device_id_share=draw(SHARES),
                click_id_share=draw(SHARES),
                ios_click_id_share=draw(SHARES),
                macro_share=draw(SHARES),
                retargeting_campaign=draw(st.sampled_from(["", "again"])),
                retargeting_share=draw(SHARES),
                posts_batches=draw(st.booleans()),
                ad_network_id=draw(st.sampled_from(["", "example.skadnetwork"])),
            )
        )
    return Market(
        shape="drawn",
        description="",
        population=Population(
            android_share=draw(SHARES),
            att_allowed_share=draw(SHARES),
            lat_share=draw(SHARES),
            second_device_share=draw(SHARES),
            household_size=draw(st.sampled_from([1.0, 3.4])),
            countries=(
                Country(
                    code="NP", weight=1, utc_offset_minutes=345, currency="NPR",
                    euro_rate=0.007, language="ne",
                ),
                Country(
                    code="JP", weight=draw(SHARES), utc_offset_minutes=540, currency="JPY",
                    euro_rate=0.006, language="ja",
                ),
            ),
        ),
        networks=tuple(networks),
        behaviour=Behaviour(
            exposures_per_person_day=draw(st.sampled_from([0.0, 0.3])),
            organic_installs_per_person_day=draw(st.sampled_from([0.0, 0.1])),
            reinstall_share=draw(SHARES),
            payer_share=draw(SHARES),
            shown_after_install_share=draw(SHARES),
        ),
        delivery=Delivery(
            duplicate_share=draw(SHARES),
            late_share=draw(SHARES),
            broken_clock_share=draw(SHARES),
            skewed_share=draw(SHARES),
            without_referrer_share=draw(SHARES),
            touch_batch_items=draw(st.sampled_from([1, 7])),
        ),
    )  # fmt: skip


def assert_nothing_impossible(market: Played) -> None:
    span, installs, touches = market.span, market.installs, market.touches
    for frame, column in ((installs, "opened_at"), (touches, "at"), (market.events, "at")):
        assert (frame[column] < span.end_ms).all()
        assert (frame[column] >= span.start_ms).all()
    assert (installs["begin_at"] < installs["opened_at"]).all()
    assert (installs["removed_at"] > installs["opened_at"]).all()

    caused = installs.filter(pl.col("cause_exposure") >= 0)
    shown_at = market.exposures.at[caused["cause_exposure"].to_numpy()]
    assert (shown_at < caused["begin_at"].to_numpy()).all()

    events = market.events
    opened = installs["opened_at"].gather(events["install"])
    assert (events["at"] >= opened).all()
    assert (events["device"] == installs["device"].gather(events["install"])).all()
    removed = installs["removed_at"].gather(events["install"])
    assert (events["at"] < removed).all()
    assert events["message_id"].n_unique() == events.height

    last = events.group_by("session").agg(pl.col("at").max())
    sent = market.requests.join(last, on="session", how="left")
    assert (sent["arrives_at"] > sent["at"]).all()
    in_request = market.touch_places.join(market.touch_requests, on="request")
    happened = touches["at"].gather(in_request["touch"])
    assert (in_request["arrives_at"] > happened).all()
    assert market.touch_places["touch"].n_unique() == touches.height

    shows = market.devices["shows_id"].gather(touches["device"])
    assert not (touches["shows_device"] & ~shows).any()
    back = market.returns
    if len(back.install):
        clicked = touches["at"].gather(back.touch).to_numpy()
        assert (clicked < back.opened_at).all()
        assert (installs["opened_at"].gather(back.install).to_numpy() < clicked).all()
        assert (installs["removed_at"].gather(back.install) == NEVER).all()
        clicks = pl.DataFrame({"install": back.install, "clicked": clicked})
        used = events.filter(pl.col("name") == "Application Opened").join(clicks, on="install")
        quiet = used.filter(pl.col("at") < pl.col("clicked"))
        assert (quiet["clicked"] - quiet["at"] >= 8 * 86_400_000).all()


def assert_wire_is_clean(market: Played, app_id: str = "app") -> None:
    """Every request is one the collector takes whole, and touches have the ids of the truth."""
    limits, ids = Limits(), set()
    arrived = START
    for chunk in traffic_lines(market):
        for text in chunk:
            line = json.loads(text)
            assert line["at"] >= arrived
            arrived = line["at"]
            path, _, query = line["path"].replace("{app_id}", app_id).partition("?")
            if path == "/v1/batch":
                body = json.dumps(line["body"]).encode()
                assert read_batch(body, limits).faults == []
                continue
            if line["method"] == "GET":
                reading = read_parameters(parse_qsl(query, keep_blank_values=True))
            else:
                assert query == f"app_id={app_id}"
                reading = read_touches(json.dumps(line["body"]).encode(), limits, app_id)
            assert reading.faults == []
            for index, fields in enumerate(reading.items):
                ids.add(
                    touch_id(
                        fields,
                        app_id=app_id,
                        touch_type=path.rpartition("/")[2],  # type: ignore[arg-type]
                        received_at_ms=arrived,
                        request_id="r",
                        index=index,
                    )
                )
    truth = touch_truth(market, install_messages(market)).filter(pl.col("is_delivered"))
    assert ids == {
        sha256(text.replace("{app_id}", app_id).encode()).hexdigest()[:32]
        for text in truth["id_text"]
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(markets(), st.integers(0, 2**40), st.integers(1, 25), st.integers(1, 60))
def test_no_market_has_impossible_rows(market, seed, days, users):
    one = play(market, users=users, days=days, start_ms=START, seed=seed)
    assert_nothing_impossible(one)
    assert_wire_is_clean(one)
    messages, sessions = install_messages(one), delivered_sessions(one)
    touches = touch_truth(one, messages)
    installs = install_truth(one, touches, messages, sessions)
    assert installs.height == one.installs.height
    assert installs.filter(pl.col("cause") == "organic")["media_source"].unique().to_list() in (
        [""],
        [],
    )
    total = journey_truth(one, messages)["contribution"].sum()
    assert total == pytest.approx(len(one.causes.person))
    assert return_truth(one, touches, messages, sessions).height == len(one.returns.install)


@pytest.mark.parametrize("shape_name", ["mature_app", "fraud_heavy_launch"])
def test_no_shape_has_impossible_rows(shape_name):
    assert_nothing_impossible(played(shape_name))


def test_hidden_advertising_ids_appear_nowhere():
    market = played("mature_app", users=300)
    hidden = market.devices.filter(~pl.col("shows_id"))["advertising_id"].to_list()
    text = "\n".join(line for chunk in traffic_lines(market) for line in chunk).lower()
    assert not [one for one in hidden if one in text]
    shown = market.devices.filter(pl.col("shows_id"))["advertising_id"].to_list()
    assert np.mean([one in text for one in shown]) > 0.3


def test_amounts_have_the_decimals_of_their_currency():
    orders = played("mature_app").events.filter(pl.col("name") == "Order Completed")
    decimals = {"JPY": 0, "KWD": 3}
    seen = set()
    for text in orders["properties"]:
        order = json.loads(text)
        _, _, fraction = order["revenue"].partition(".")
        assert len(fraction) == decimals.get(order["currency"], 2), order
        seen.add(order["currency"])
    assert {"JPY", "KWD", "USD"} <= seen
