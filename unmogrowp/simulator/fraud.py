"""How publishers cheat: clicks nobody made, and installs that never were.

click injection   malware sees a download begin and clicks just before the first open; given away by
                  clicks after the begin of the download, and by a CTIT of seconds
click flooding    clicks for ever more devices, in the hope that some install; CTIT is as flat as
                  time itself, and clicks per install are many
click stacking    one look at one slot, reported as clicks on several ads within a second
click hammering   one device clicks dozens of times an hour
device farm       phones on shelves: reset, click, install, open, again; fresh ids, few addresses,
                  and nobody comes back
SDK spoofing      no phone at all, made-up requests from hosting companies: their addresses, events
                  faster than fingers, no store clocks

None of these touches causes an install; what they claim stands in the truth.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from unmogrowp.simulator.exposures import Span, attention_times, site_numbers
from unmogrowp.simulator.installs import install_rows
from unmogrowp.simulator.market import Fraud, Market, Network, Publisher
from unmogrowp.simulator.population import (
    DAY_MS,
    FARM_ADDRESSES,
    HOSTING_ADDRESSES,
    addresses,
    draw_devices,
)
from unmogrowp.simulator.randomness import Dice, Ints
from unmogrowp.simulator.touches import touch_rows

# Addresses behind one farm: two networks of 256.
FARM_PREFIXES = 2
STACK_SIZES = (3, 7)
STACK_MS = 900
HAMMER_SIZES = (25, 45)
HAMMER_MS = 50 * 60_000
MALFORMED_SHARE = 0.2
CLAIMED_COUNTRY = "US"


@dataclass(slots=True)
class Scene:
    """The market as fraudsters find it, and as they leave it."""

    market: Market
    span: Span
    users: int
    devices: pl.DataFrame
    installs: pl.DataFrame
    touches: pl.DataFrame
    dice: Dice

    def add_touches(self, rows: pl.DataFrame) -> Ints:
        """Append touches and return their numbers."""
        first = self.touches.height
        self.touches = pl.concat([self.touches, rows])
        return np.arange(first, self.touches.height)


@dataclass(frozen=True, slots=True)
class Cheat:
    """A publisher that cheats, with its numbers in the market."""

    network: Network
    network_number: int
    publisher: Publisher
    site: int
    rng: np.random.Generator

    def clicks(self, device: Ints, at: Ints, **columns: object) -> pl.DataFrame:
        """Return clicks of this publisher, on its network's campaigns at random."""
        campaign = self.rng.integers(0, len(self.network.campaigns), len(device))
        return touch_rows(
            device,
            at,
            network=self.network_number,
            site=self.site,
            campaign=campaign,
            fraud=str(self.publisher.fraud),
            **columns,
        )


def cheat(scene: Scene) -> None:
    """Let every fraudulent publisher do what it does, in the order of the market."""
    for number, (network, sites) in enumerate(
        zip(scene.market.networks, site_numbers(scene.market), strict=True)
    ):
        for publisher, site in zip(network.publishers, sites, strict=True):
            if publisher.fraud is not None and publisher.intensity > 0:
                rng = scene.dice.stream(f"fraud/{publisher.site_id}")
                _TRICKS[publisher.fraud](scene, Cheat(network, number, publisher, site, rng))


def _inject(scene: Scene, one: Cheat) -> None:
    installs, rng = scene.installs, one.rng
    platform = scene.devices["platform"].gather(installs["device"])
    is_target = (
        (platform == "android")
        & (installs["kind"] == "install")
        & (installs["person"] >= 0)
        & pl.Series(rng.random(installs.height) < one.publisher.intensity)
    ).to_numpy()
    target = np.flatnonzero(is_target)
    begin = installs["begin_at"].to_numpy()[target]
    opened = installs["opened_at"].to_numpy()[target]
    # Sent when the download is seen, so that it arrives seconds before the first open.
    before = (rng.uniform(0.2, 9.0, len(target)) * 1000).astype(np.int64)
    at = np.maximum(opened - before, begin + 1 + rng.integers(0, 2_000, len(target)))
    device = installs["device"].to_numpy()[target]
    shows = scene.devices["shows_id"].gather(device).to_numpy()
    numbers = scene.add_touches(one.clicks(device, at, shows_device=shows, install=target))
    # In some of them the referrer is overwritten as well; without an id to show it has to be.
    takes_referrer = ~shows | (rng.random(len(target)) < 0.6)
    changed = target[takes_referrer]
    campaign = scene.touches["campaign"].gather(numbers[takes_referrer])
    scene.installs = installs.with_columns(
        carried_touch=installs["carried_touch"].scatter(changed, numbers[takes_referrer]),
        referrer_network=installs["referrer_network"].scatter(changed, one.network_number),
        referrer_campaign=installs["referrer_campaign"].scatter(changed, campaign),
        referrer_click_at=installs["referrer_click_at"].scatter(changed, at[takes_referrer]),
    )


def _visible_devices(scene: Scene) -> Ints:
    """Return the people's devices whose advertising id is for sale."""
    real = scene.devices.with_row_index("device").filter(
        pl.col("shows_id") & pl.col("kind").is_in(["first", "second"])
    )
    return real["device"].cast(pl.Int64).to_numpy()


def _flood(scene: Scene, one: Cheat) -> None:
    devices = _visible_devices(scene)
    count = one.rng.poisson(one.publisher.intensity * scene.span.days, len(devices))
    device = np.repeat(devices, count)
    at = scene.span.start_ms + one.rng.integers(0, scene.span.days * DAY_MS, len(device))
    scene.add_touches(one.clicks(device, at))


def _cluster(scene: Scene, one: Cheat, sizes: tuple[int, int], spread_ms: int) -> None:
    devices = _visible_devices(scene)
    clusters = np.repeat(
        devices, one.rng.poisson(one.publisher.intensity * scene.span.days, len(devices))
    )
    offset = scene.devices["utc_offset_minutes"].gather(clusters).to_numpy()
    start = attention_times(one.rng, scene.span, offset)
    size = one.rng.integers(*sizes, len(clusters))
    at = np.repeat(start, size) + one.rng.integers(0, spread_ms, int(size.sum()))
    at = np.minimum(at, scene.span.end_ms - 1)
    scene.add_touches(one.clicks(np.repeat(clusters, size), at))


def _stack(scene: Scene, one: Cheat) -> None:
    _cluster(scene, one, STACK_SIZES, STACK_MS)


def _hammer(scene: Scene, one: Cheat) -> None:
    _cluster(scene, one, HAMMER_SIZES, HAMMER_MS)


def _made_up(scene: Scene, one: Cheat, block: tuple[int, int], spread: int) -> tuple[Ints, Ints]:
    """Append devices that nobody holds; return their numbers and when they click."""
    rng = one.rng
    count = int(rng.poisson(one.publisher.intensity * scene.users / 1000 * scene.span.days))
    places = scene.market.population.countries
    home = rng.integers(0, len(places))
    first_address = int(rng.integers(0, 1 << 20)) * 256
    fake = draw_devices(
        scene.market,
        rng,
        persons=np.full(count, -1, dtype=np.int64),
        countries=np.full(count, home, dtype=np.int64),
        is_ios=np.zeros(count, dtype=bool),
        shows_id_shares=(1.0, 1.0),
        ip=addresses(block, first_address + rng.integers(0, spread, count)),
        kind=str(one.publisher.fraud),
    )
    # Shelves hold few models; nobody sets their clocks wrong.
    fake = fake.with_columns(
        model=pl.lit(fake["model"][0] if count else ""),
        clock_offset_ms=pl.lit(0, pl.Int64),
        has_referrer=pl.lit(True),
    )
    number = scene.devices.height + np.arange(count)
    scene.devices = pl.concat([scene.devices, fake.select(scene.devices.columns)])
    latest = scene.span.days * DAY_MS - 10 * 60_000
    return number, scene.span.start_ms + np.sort(rng.integers(0, latest, count))


def _add_made_up(
    scene: Scene,
    one: Cheat,
    device: Ints,
    click: Ints,
    begin: Ints,
    opened: Ints,
    *,
    has_clocks: bool,
) -> None:
    install = scene.installs.height + np.arange(len(device))
    rows = one.clicks(device, click, install=install, country_code=CLAIMED_COUNTRY)
    touch = scene.add_touches(rows)
    scene.installs = pl.concat(
        [
            scene.installs,
            install_rows(
                device,
                opened,
                kind=str(one.publisher.fraud),
                begin_at=begin,
                cause=str(one.publisher.fraud),
                carried_touch=touch,
                referrer_network=np.full(len(device), one.network_number),
                referrer_campaign=rows["campaign"].to_numpy(),
                referrer_click_at=click if has_clocks else np.zeros(len(device), dtype=np.int64),
            ),
        ]
    )


def _farm(scene: Scene, one: Cheat) -> None:
    device, click = _made_up(scene, one, FARM_ADDRESSES, 256 * FARM_PREFIXES)
    begin = click + one.rng.integers(2_000, 4_000, len(device))
    opened = begin + one.rng.normal(24_000, 2_500, len(device)).clip(12_000).astype(np.int64)
    _add_made_up(scene, one, device, click, begin, opened, has_clocks=True)


def _spoof(scene: Scene, one: Cheat) -> None:
    device, click = _made_up(scene, one, HOSTING_ADDRESSES, 256)
    opened = click + one.rng.integers(10_000, 20_000, len(device))
    malformed = one.rng.random(len(device)) < MALFORMED_SHARE
    ids = scene.devices["advertising_id"]
    scene.devices = scene.devices.with_columns(
        advertising_id=ids.scatter(
            device[malformed], ids.gather(device[malformed]).str.slice(0, 30)
        )
    )
    _add_made_up(scene, one, device, click, click + 1, opened, has_clocks=False)


_TRICKS = {
    Fraud.CLICK_INJECTION: _inject,
    Fraud.CLICK_FLOODING: _flood,
    Fraud.CLICK_STACKING: _stack,
    Fraud.CLICK_HAMMERING: _hammer,
    Fraud.DEVICE_FARM: _farm,
    Fraud.SDK_SPOOFING: _spoof,
}
