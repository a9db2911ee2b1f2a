"""Who sees which ad when, and what each exposure would cause by itself.

Exposures do not know of each other nor of installs: they are drawn first. That makes "what if this
channel had not been there" a question with one answer (see `causes`).
"""

from dataclasses import dataclass

import numpy as np

from unmogrowp.simulator.market import Market
from unmogrowp.simulator.population import DAY_MS
from unmogrowp.simulator.randomness import Bools, Dice, Floats, Ints, choose, log_normal_ms

# How much of a day's attention falls into each local hour.
HOUR_WEIGHTS = (
    3, 2, 1, 1, 1, 2, 4, 6, 7, 6, 6, 6, 7, 7, 6, 6, 7, 8, 9, 10, 11, 10, 8, 5,
)  # fmt: skip
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Span:
    """The time a market is played: [start_ms, end_ms), whole UTC days."""

    start_ms: int
    days: int

    @property
    def end_ms(self) -> int:
        """Return the first instant after the market."""
        return self.start_ms + self.days * DAY_MS


@dataclass(frozen=True, slots=True)
class Exposures:
    """Honest exposures in the order of (person, at): equally long arrays.

    `network` and `site` are places in the market's networks and in all publishers together;
    `begin_at` and `opened_at` are when the download would begin and the app be opened first, if
    the exposure made the person install; `effect` is its chance to do so alone and `draw` the
    number in [0, 1) that decides.
    """

    person: Ints
    at: Ints
    network: Ints
    site: Ints
    campaign: Ints
    is_click: Bools
    effect: Floats
    draw: Floats
    begin_at: Ints
    opened_at: Ints

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.person)


def site_numbers(market: Market) -> list[list[int]]:
    """Return the numbers of each network's publishers, counted over the whole market."""
    numbers: list[list[int]] = []
    first = 0
    for network in market.networks:
        numbers.append(list(range(first, first + len(network.publishers))))
        first += len(network.publishers)
    return numbers


def draw_exposures(
    market: Market, span: Span, dice: Dice, *, is_ios: Bools, offset_minutes: Ints, rates: Floats
) -> Exposures:
    """Draw all honest exposures; `rates` are how much each person sees, mean 1."""
    rng = dice.stream("exposures")
    mean = market.behaviour.exposures_per_person_day * span.days
    # Who advertises on neither platform reaches nobody there.
    reach = [
        sum(one.ios_weight if ios else one.android_weight for one in market.networks) > 0
        for ios in (False, True)
    ]
    seen = rng.poisson(mean * rates) * np.asarray(reach)[is_ios.astype(np.int64)]
    person = np.repeat(np.arange(len(rates)), seen)
    count = len(person)
    at = attention_times(rng, span, offset_minutes[person])
    order = np.lexsort((at, person))
    person, at = person[order], at[order]

    on_ios = is_ios[person]
    network = np.zeros(count, dtype=np.int64)
    for ios in (False, True):
        where = np.flatnonzero(on_ios == ios)
        weights = [one.ios_weight if ios else one.android_weight for one in market.networks]
        if len(where):
            network[where] = choose(rng, weights, len(where))
    site = np.zeros(count, dtype=np.int64)
    campaign = np.zeros(count, dtype=np.int64)
    for place, (one, numbers) in enumerate(zip(market.networks, site_numbers(market), strict=True)):
        where = np.flatnonzero(network == place)
        weights = [publisher.weight for publisher in one.publishers]
        site[where] = np.asarray(numbers)[choose(rng, weights, len(where))]
        campaign[where] = rng.integers(0, len(one.campaigns), len(where))

    by_network = {
        name: np.array([getattr(one, name) for one in market.networks])[network]
        for name in ("click_through_share", "click_effect", "view_effect")
    }
    is_click = rng.random(count) < by_network["click_through_share"]
    reaction = np.where(
        is_click,
        3_000 + log_normal_ms(rng, 20, 0.9, count),
        60_000 + log_normal_ms(rng, 9_000, 1.3, count),
    )
    begin_at = at + reaction
    return Exposures(
        person=person,
        at=at,
        network=network,
        site=site,
        campaign=campaign,
        is_click=is_click,
        effect=np.where(is_click, by_network["click_effect"], by_network["view_effect"]),
        draw=rng.random(count),
        begin_at=begin_at,
        opened_at=first_open(market, rng, begin_at),
    )


def attention_times(rng: np.random.Generator, span: Span, offset_minutes: Ints) -> Ints:
    """Return instants of the span that follow the hours of each person's own day."""
    count = len(offset_minutes)
    day = rng.integers(0, span.days, count)
    hour = choose(rng, HOUR_WEIGHTS, count)
    local = day * DAY_MS + hour * HOUR_MS + rng.integers(0, HOUR_MS, count)
    # Local hours of the edges wrap around, so that every day of the span is equally full.
    return span.start_ms + (local - offset_minutes * 60_000) % (span.days * DAY_MS)


def first_open(market: Market, rng: np.random.Generator, begin_at: Ints) -> Ints:
    """Return when an app is opened first, from when its download began."""
    count = len(begin_at)
    download = 6_000 + log_normal_ms(rng, 30, 0.7, count)
    at_once = log_normal_ms(rng, 20, 1.0, count)
    later = rng.exponential(7 * HOUR_MS, count).astype(np.int64)
    is_quick = rng.random(count) < market.behaviour.quick_open_share
    return begin_at + download + np.where(is_quick, at_once, later)
