"""Who installs, and because of what: the causal model, and every "what if" it answers.

An exposure makes its person install if its draw is below its effect; each earlier exposure in
*another* channel raises the effect (`synergy`), so that channels help each other. Besides, people
come by themselves (`organic`). Whichever would have happened first is the cause.

Because all draws are made once, a channel can be taken away and the same world played again: the
difference is what the channel really brought, per person and without noise. From the installs of
every set of channels follows each channel's fair part (its Shapley value), per person: parts and
baseline add up to 1 for every install.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from unmogrowp.simulator.columns import at_places, scattered
from unmogrowp.simulator.exposures import Exposures, Span, first_open
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.population import DAY_MS
from unmogrowp.simulator.randomness import Bools, Dice, Floats, Ints

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Organic:
    """When each person would come by themselves: begin of download and first open; NEVER if not."""

    begin_at: Ints
    opened_at: Ints


@dataclass(frozen=True, slots=True)
class Causes:
    """What made people install.

    One entry per person who installed, ordered by person: `exposure` is the place of the causing
    exposure, -1 for organic. `part` is (installs x channels): what each channel contributed to the
    install; `baseline` what would have come anyway; `without` says for each channel whether the
    install had happened without it.
    """

    person: Ints
    exposure: Ints
    begin_at: Ints
    opened_at: Ints
    baseline: Floats
    part: Floats
    without: Bools
    installs_by_coalition: dict[int, int]


def draw_organic(market: Market, span: Span, users: int, dice: Dice) -> Organic:
    """Draw when people would install by themselves."""
    rng = dice.stream("organic")
    rate = market.behaviour.organic_installs_per_person_day
    wait = rng.exponential(1.0, users) * (DAY_MS / rate) if rate > 0 else np.full(users, np.inf)
    begin = span.start_ms + np.minimum(wait, 1e15).astype(np.int64)
    opened = first_open(market, rng, begin)
    is_never = opened >= span.end_ms
    return Organic(np.where(is_never, NEVER, begin), np.where(is_never, NEVER, opened))


class World:
    """The same people and ads, to be played with any set of channels."""

    def __init__(self, market: Market, span: Span, exposures: Exposures, organic: Organic) -> None:
        self._behaviour = market.behaviour
        self._channels = len(market.networks)
        self._exposures = exposures
        self._organic = organic
        self._end_ms = span.end_ms
        count = len(exposures)
        first = np.ones(count, dtype=bool)
        first[1:] = exposures.person[1:] != exposures.person[:-1]
        self._start = np.maximum.accumulate(np.where(first, np.arange(count), 0))
        # Earlier exposures of the same person in the exposure's own channel.
        self._own_before = np.zeros(count, dtype=np.int64)
        for channel in range(self._channels):
            is_own = exposures.network == channel
            self._own_before[is_own] = self._before(is_own)[is_own]

    def _before(self, mask: Bools) -> Ints:
        """Return how many of the person's earlier exposures are in the mask."""
        running = np.concatenate(([0], np.cumsum(mask)))
        return np.asarray(running[: len(mask)] - running[self._start], dtype=np.int64)

    def firing(self, channels: int) -> Bools:
        """Return which exposures would cause an install; `channels` is a bit per channel."""
        one = self._exposures
        is_active = (channels >> one.network) & 1 == 1
        helped = np.minimum(
            np.where(is_active, self._before(is_active) - self._own_before, 0),
            self._behaviour.synergy_cap,
        )
        chance = one.effect * (1 + self._behaviour.synergy * helped)
        is_fired = np.less(one.draw, chance) & np.less(one.opened_at, self._end_ms)
        fired: Bools = is_active & is_fired
        return fired

    def installing(self, channels: int) -> Bools:
        """Return which persons install with a set of channels."""
        installs: Bools = self._organic.opened_at != NEVER
        installs[self._exposures.person[self.firing(channels)]] = True
        return installs

    def causes(self) -> Causes:
        """Play the real world and every other one."""
        one, organic = self._exposures, self._organic
        everything = (1 << self._channels) - 1
        fired = np.flatnonzero(self.firing(everything))
        # Per person the exposure whose install would be first; ties by place.
        order = np.lexsort((fired, one.opened_at[fired], one.person[fired]))
        fired = fired[order]
        is_first = np.ones(len(fired), dtype=bool)
        is_first[1:] = one.person[fired][1:] != one.person[fired][:-1]
        fired = fired[is_first]
        cause = scattered(len(organic.opened_at), one.person[fired], fired, -1)
        opened, begin = organic.opened_at.copy(), organic.begin_at.copy()
        is_ad = (cause >= 0) & (at_places(one.opened_at, cause, NEVER) <= opened)
        opened[is_ad] = one.opened_at[cause[is_ad]]
        begin[is_ad] = one.begin_at[cause[is_ad]]
        person = np.flatnonzero(opened != NEVER)
        counts, part, without = self._contributions(person)
        return Causes(
            person=person,
            exposure=np.where(is_ad, cause, -1)[person],
            begin_at=begin[person],
            opened_at=opened[person],
            baseline=(organic.opened_at[person] != NEVER).astype(np.float64),
            part=part,
            without=without,
            installs_by_coalition=counts,
        )

    def _contributions(self, person: Ints) -> tuple[dict[int, int], Floats, Bools]:
        size = self._channels
        everything = (1 << size) - 1
        weight = [factorial(n) * factorial(size - n - 1) / factorial(size) for n in range(size)]
        counts: dict[int, int] = {}
        part = np.zeros((len(person), size))
        without = np.zeros((len(person), size), dtype=bool)
        for channels in range(everything + 1):
            installs = self.installing(channels)
            counts[channels] = int(installs.sum())
            value: npt.NDArray[np.float64] = installs[person].astype(np.float64)
            members = channels.bit_count()
            for channel in range(size):
                if channels >> channel & 1:
                    part[:, channel] += weight[members - 1] * value
                else:
                    part[:, channel] -= weight[members] * value
                    if channels == everything ^ (1 << channel):
                        without[:, channel] = installs[person]
        return counts, part, without
