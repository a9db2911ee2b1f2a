"""People, their households, and the devices they hold.

`Devices` is one row per device; its place in the frame is its number. Fake devices of farms and
spoofers, and iPhones that got a new vendor id, are appended to it later: nothing else refers to a
device but by number.
"""

import numpy as np
import polars as pl

from unmogrowp.simulator.market import Market
from unmogrowp.simulator.randomness import Bools, Dice, Floats, Ints, choose, hex_ids, uuids

IOS_MODELS = ("iPhone15,2", "iPhone14,5", "iPhone12,1", "iPad14,1")
IOS_VERSIONS = ("18.1", "17.6", "16.7")
ANDROID_MODELS = ("Pixel 8", "SM-S921B", "SM-A155F", "Redmi Note 13", "moto g54")
ANDROID_VERSIONS = ("15", "14", "13", "11")
# Shared address space (RFC 6598): never anybody's address on the internet.
HOUSEHOLD_ADDRESSES = (100 << 24 | 64 << 16, 22)
FARM_ADDRESSES = (198 << 24 | 18 << 16, 17)
# Documentation addresses (RFC 5737) stand for hosting companies.
HOSTING_ADDRESSES = (203 << 24 | 0 << 16 | 113 << 8, 8)
HOSTING_PREFIX = "203.0.113.0/24"
MINUTE_MS = 60_000
DAY_MS = 86_400_000


def addresses(block: tuple[int, int], numbers: Ints) -> pl.Series:
    """Return IPv4 addresses of a block (first address, bits), one per number."""
    first, bits = block
    value = pl.Series(first + numbers % (1 << bits))
    octets = [(value // 256**place) % 256 for place in (3, 2, 1, 0)]
    return pl.select(pl.concat_str([o.cast(pl.String) for o in octets], separator=".")).to_series()


def draw_devices(
    market: Market,
    rng: np.random.Generator,
    *,
    persons: Ints,
    countries: Ints,
    is_ios: Bools,
    shows_id_shares: tuple[float, float],
    ip: pl.Series,
    kind: str,
) -> pl.DataFrame:
    """Return devices with fresh ids; `shows_id_shares` are those of iOS and of Android."""
    count = len(persons)
    delivery = market.delivery
    places = market.population.countries
    clock = rng.random(count)
    offset = rng.normal(0, 700, count)
    minutes_off = rng.normal(0, 12 * MINUTE_MS, count)
    far_off = rng.choice([-1.0, 1.0], count) * rng.exponential(40 * DAY_MS, count)
    is_broken = clock < delivery.broken_clock_share
    is_skewed = clock < delivery.broken_clock_share + delivery.skewed_share
    offset = np.where(is_broken, far_off, np.where(is_skewed, minutes_off, offset))
    shares = np.where(is_ios, shows_id_shares[0], shows_id_shares[1])
    frame = pl.DataFrame(
        {
            "person": persons,
            "country": countries,
            "is_ios": is_ios,
            "model": rng.integers(0, 1 << 30, count),
            "os_version": rng.integers(0, 1 << 30, count),
            "uuid": uuids(rng, count),
            "short_id": hex_ids(rng, count),
            "advertising_id": uuids(rng, count),
            "shows_id": rng.random(count) < shares,
            "ip": ip,
            "clock_offset_ms": offset.astype(np.int64),
            "writes_local_time": rng.random(count) < delivery.local_time_share,
            "has_referrer": rng.random(count) >= delivery.without_referrer_share,
        }
    )
    table = pl.DataFrame(
        {
            "country": np.arange(len(places)),
            "country_code": [one.code for one in places],
            "utc_offset_minutes": [one.utc_offset_minutes for one in places],
            "currency": [one.currency for one in places],
            "euro_rate": [one.euro_rate for one in places],
            "locale": [f"{one.language}-{one.code}" for one in places],
        }
    )
    named = frame.join(table, on="country", how="left", maintain_order="left").with_columns(
        platform=pl.when("is_ios").then(pl.lit("ios")).otherwise(pl.lit("android")),
        device_id=pl.when("is_ios")
        .then(pl.col("uuid").str.to_uppercase())
        .otherwise(pl.col("short_id")),
        model=_pick("model", IOS_MODELS, ANDROID_MODELS),
        os_version=_pick("os_version", IOS_VERSIONS, ANDROID_VERSIONS),
        kind=pl.lit(kind),
    )
    return named.with_columns(
        user_agent=pl.when("is_ios")
        .then(
            pl.format(
                "Mozilla/5.0 (iPhone; CPU iPhone OS {} like Mac OS X) AppleWebKit/605.1.15",
                pl.col("os_version").str.replace(".", "_", literal=True),
            )
        )
        .otherwise(
            pl.format(
                "Mozilla/5.0 (Linux; Android {}; {}) AppleWebKit/537.36", "os_version", "model"
            )
        )
    ).drop("country", "is_ios", "uuid", "short_id")


def _pick(column: str, ios: tuple[str, ...], android: tuple[str, ...]) -> pl.Expr:
    def one_of(names: tuple[str, ...]) -> pl.Expr:
        number = pl.col(column) % len(names)
        return number.replace_strict(dict(enumerate(names)), return_dtype=pl.String)

    return pl.when("is_ios").then(one_of(ios)).otherwise(one_of(android))


def populate(market: Market, users: int, dice: Dice) -> pl.DataFrame:
    """Return the devices of all people: first one each, in order, then the second ones.

    Columns: person, platform, country_code, utc_offset_minutes, currency, euro_rate, locale, model,
    os_version, device_id, advertising_id, shows_id, ip, user_agent, clock_offset_ms,
    writes_local_time, has_referrer, kind (first, second; later farm, spoof, reset).
    """
    rng = dice.stream("population")
    population = market.population
    households = np.arange(users) // max(1, round(population.household_size))
    weights = [one.weight for one in population.countries]
    countries = choose(rng, weights, int(households[-1]) + 1)[households]
    # A large odd step spreads neighbours over the block, so that few share a /24.
    ip = addresses(HOUSEHOLD_ADDRESSES, households.astype(np.int64) * 40_503 * 257)
    shares = (population.att_allowed_share, 1 - population.lat_share)
    first = draw_devices(
        market,
        rng,
        persons=np.arange(users),
        countries=countries,
        is_ios=rng.random(users) >= population.android_share,
        shows_id_shares=shares,
        ip=ip,
        kind="first",
    )
    holders = np.flatnonzero(rng.random(users) < population.second_device_share)
    second = draw_devices(
        market,
        rng,
        persons=holders,
        countries=countries[holders],
        is_ios=rng.random(len(holders)) >= population.android_share,
        shows_id_shares=shares,
        ip=ip.gather(holders),
        kind="second",
    )
    return pl.concat([first, second])


def person_rates(market: Market, users: int, dice: Dice) -> Floats:
    """Return how much more or less than others each person sees ads; the mean is 1."""
    sigma = market.behaviour.exposure_spread
    rng = dice.stream("attention")
    return rng.lognormal(-(sigma**2) / 2, sigma, users)
