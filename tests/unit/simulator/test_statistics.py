"""What comes out has the rates that went in; bounds are computed, 5 standard deviations wide."""

import math

import numpy as np
import polars as pl
import pytest

from tests.fakes.simulated import START, played
from unmogrowp.simulator.market import Fraud

DAY = 86_400_000
SHAPES = ["mature_app", "fraud_heavy_launch"]


def assert_share(count: float, total: int, expected: float, slack: float = 0.0) -> None:
    deviation = 5 * math.sqrt(expected * (1 - expected) / total) + slack
    assert abs(count / total - expected) <= deviation, (count / total, expected, deviation)


def assert_poisson(count: int, expected: float, slack: float = 0.0) -> None:
    assert abs(count - expected) <= 5 * math.sqrt(expected) + slack, (count, expected)


@pytest.fixture(params=SHAPES)
def market(request):
    return played(request.param)


@pytest.fixture
def launch():
    return played("fraud_heavy_launch")


def test_platforms_and_visible_ids_are_as_configured(market):
    people = market.devices.head(market.users)
    population = market.market.population
    android = people.filter(pl.col("platform") == "android")
    ios = people.filter(pl.col("platform") == "ios")
    assert_share(android.height, market.users, population.android_share)
    assert_share(int(android["shows_id"].sum()), android.height, 1 - population.lat_share)
    assert_share(int(ios["shows_id"].sum()), ios.height, population.att_allowed_share)


def test_people_live_where_the_weights_say(market):
    countries = market.market.population.countries
    total = sum(one.weight for one in countries)
    counts = dict(market.devices.head(market.users)["country_code"].value_counts().iter_rows())
    for one in countries:
        # Households live together: half as many draws as people.
        assert_share(counts[one.code] / 2, market.users // 2, one.weight / total)


def test_as_many_exposures_as_configured_and_as_many_of_them_clicks(market):
    behaviour = market.market.behaviour
    mean = behaviour.exposures_per_person_day * market.span.days
    # A person's rate varies log-normally: the variance of a sum of Poisson numbers with it.
    variance = market.users * (mean + mean**2 * (math.exp(behaviour.exposure_spread**2) - 1))
    assert abs(len(market.exposures) - market.users * mean) <= 5 * math.sqrt(variance)
    for n, network in enumerate(market.market.networks):
        own = market.exposures.network == n
        assert_share(
            int(market.exposures.is_click[own].sum()), int(own.sum()), network.click_through_share
        )


def test_organic_people_come_at_their_rate(market):
    rate = market.market.behaviour.organic_installs_per_person_day
    expected = 1 - math.exp(-rate * market.span.days)
    # Some begin the download in time and open the app after the end: a few hours of one rate.
    assert_share(int(market.causes.baseline.sum()), market.users, expected, slack=rate * 0.2)


def test_an_ad_makes_install_as_often_as_its_effect_says(market):
    """Exposures that nothing helped and whose install falls into the span."""
    exposures, behaviour = market.exposures, market.market.behaviour
    first = np.ones(len(exposures), dtype=bool)
    first[1:] = exposures.person[1:] != exposures.person[:-1]
    first &= exposures.opened_at < market.span.end_ms
    fired = exposures.draw < exposures.effect
    expected = exposures.effect[first]
    deviation = math.sqrt((expected * (1 - expected)).sum())
    assert abs(fired[first].sum() - expected.sum()) <= 5 * deviation
    assert behaviour.synergy > 0


def test_ads_are_seen_in_waking_hours_of_the_person_who_sees_them(market):
    offset = market.devices["utc_offset_minutes"].head(market.users).to_numpy()
    local = market.exposures.at + offset[market.exposures.person] * 60_000
    hour = (local // 3_600_000) % 24
    night, evening = ((hour >= 1) & (hour < 5)).mean(), ((hour >= 18) & (hour < 22)).mean()
    assert night < 0.05
    assert evening > 0.25


def ages(market, kind):
    """Return the ages of a fraud's clicks at the installs they claim, in milliseconds."""
    touches = market.touches.filter((pl.col("fraud") == kind) & (pl.col("install") >= 0))
    opened = market.installs["opened_at"].gather(touches["install"])
    return (opened - touches["at"]).to_numpy()


def test_honest_clicks_are_followed_by_a_download_and_injected_ones_are_not(market):
    causes = market.causes
    clicked = (causes.exposure >= 0) & market.exposures.is_click[causes.exposure]
    honest = causes.opened_at[clicked] - market.exposures.at[causes.exposure[clicked]]
    assert honest.min() > 9_000
    assert 60_000 < np.median(honest) < 300_000
    injected = ages(market, Fraud.CLICK_INJECTION)
    assert len(injected) > 0
    assert (injected > 0).all()
    assert (injected <= 9_000).all()
    assert (injected < 1_000).any() or len(injected) < 60


def test_injected_clicks_come_after_the_download_began(market):
    touches = market.touches.filter(pl.col("fraud") == Fraud.CLICK_INJECTION)
    installs = market.installs[touches["install"]]
    assert (touches["at"] > installs["begin_at"]).all()
    assert (market.devices["platform"].gather(installs["device"]) == "android").all()


def test_flooding_is_as_frequent_as_configured_and_flat_in_time(market):
    for network in market.market.networks:
        for publisher in network.publishers:
            if publisher.fraud != Fraud.CLICK_FLOODING:
                continue
            site = [s.site_id for n in market.market.networks for s in n.publishers].index(
                publisher.site_id
            )
            clicks = market.touches.filter(
                (pl.col("site") == site) & (pl.col("fraud") == Fraud.CLICK_FLOODING)
            )
            targets = market.devices.filter(
                pl.col("shows_id") & pl.col("kind").is_in(["first", "second"])
            ).height
            assert_poisson(clicks.height, targets * publisher.intensity * market.span.days)
            place = np.sort((clicks["at"].to_numpy() - START) / (market.span.days * DAY))
            distance = np.abs(place - np.arange(len(place)) / len(place)).max()
            # Kolmogorov-Smirnov at a chance of one in a million.
            assert distance < math.sqrt(math.log(2e6) / 2 / len(place))


def test_stacked_clicks_come_within_a_second_and_hammered_ones_within_an_hour(launch):
    for kind, least, within in (
        (Fraud.CLICK_STACKING, 3, 1_000),
        (Fraud.CLICK_HAMMERING, 20, 3_600_000),
    ):
        clicks = launch.touches.filter(pl.col("fraud") == kind).sort("device", "at")
        shifted = clicks.select(age=pl.col("at").shift(-(least - 1)).over("device") - pl.col("at"))
        starts = shifted.filter(pl.col("age") < within).height
        assert starts >= clicks.height * 0.2


def test_farms_and_spoofers_make_up_as_many_installs_as_configured(launch):
    for kind in (Fraud.DEVICE_FARM, Fraud.SDK_SPOOFING):
        rate = sum(
            publisher.intensity
            for network in launch.market.networks
            for publisher in network.publishers
            if publisher.fraud == kind
        )
        made_up = launch.installs.filter(pl.col("kind") == kind)
        assert_poisson(made_up.height, rate * launch.users / 1000 * launch.span.days)
        devices = launch.devices[made_up["device"]]
        assert devices["device_id"].n_unique() == made_up.height
        prefixes = devices["ip"].str.replace(r"\.\d+$", "").n_unique()
        assert prefixes <= 2


def test_nobody_comes_back_to_a_farm(launch):
    farm = launch.installs.with_row_index("n").filter(pl.col("kind") == Fraud.DEVICE_FARM)
    events = launch.events.filter(pl.col("install").is_in(farm["n"].to_list()))
    per_install = events.group_by("install").agg(pl.col("at").max() - pl.col("at").min())
    assert (per_install["at"] < 1_000).all()


def test_people_come_back_on_the_next_day_as_often_as_configured(market):
    behaviour = market.market.behaviour
    quality = np.array([one.quality for one in market.market.networks] + [1.0])
    installs = market.installs.with_row_index("n").filter(
        (pl.col("person") >= 0)
        & (pl.col("opened_at") < market.span.end_ms - 4 * DAY)
        & (pl.col("removed_at") > market.span.end_ms)
    )
    expected = behaviour.retention_day_one * quality[installs["cause_network"].to_numpy()]
    offset = market.devices["utc_offset_minutes"].gather(installs["device"]).to_numpy() * 60_000
    local_day = dict(
        zip(
            installs["n"].to_list(),
            ((installs["opened_at"].to_numpy() + offset) // DAY).tolist(),
            strict=True,
        )
    )
    zone = dict(zip(installs["n"].to_list(), offset.tolist(), strict=True))
    back = {
        install
        for install, at in market.events.filter(
            pl.col("install").is_in(installs["n"].to_list())
            & (pl.col("name") == "Application Opened")
        )
        .select("install", "at")
        .iter_rows()
        if (at + zone[install]) // DAY == local_day[install] + 1
    }
    assert_share(len(back), installs.height, float(expected.mean()), slack=0.02)


def test_requests_are_doubled_and_delayed_as_often_as_configured(market):
    delivery = market.market.delivery
    for requests in (market.requests, market.touch_requests):
        originals = requests.filter(~pl.col("is_copy")).height
        assert_share(requests.height - originals, originals, delivery.duplicate_share)
    last = market.events.group_by("session").agg(pl.col("at").max())
    wait = market.requests.filter(~pl.col("is_copy")).join(last, on="session")
    late = wait.filter(pl.col("arrives_at") - pl.col("at") > 3_600_000).height
    expected = delivery.late_share * math.exp(-1 / delivery.late_hours)
    assert_share(late, wait.height, expected)


def test_clocks_are_off_as_often_as_configured(market):
    delivery = market.market.delivery
    offset = market.devices.filter(pl.col("kind").is_in(["first", "second"]))["clock_offset_ms"]
    far = int((offset.abs() > 2 * 3_600_000).sum())
    assert_share(far, len(offset), delivery.broken_clock_share, slack=0.002)
    minutes = int((offset.abs() > 30_000).sum())
    assert_share(
        minutes,
        len(offset),
        delivery.skewed_share + delivery.broken_clock_share,
        slack=0.1 * delivery.skewed_share,
    )
