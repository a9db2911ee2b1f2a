"""Shapley values: what each channel adds, averaged over all orders in which channels could join.

Two games are played. What a set S of channels is worth, v(S), is stated with each result:

- `shapley`: v(S) = conversions of the journeys whose channels all lie in S. This game is a sum of
  one small game per journey, "all of my channels or nothing", and in such a game equal partners
  share equally. So the value is exact for any number of channels: **a journey's conversions are
  shared equally among its distinct channels**. Nothing needs to be enumerated or sampled.
- `shapley_rate`: v(S) = conversions divided by journeys, both of the journeys whose channels all
  lie in S, scaled so that credit adds up to the conversions. Non-converting journeys count, and a
  channel that lowers the rate can get less than nothing. No short form is known: up to
  `max_exact` channels all 2^n sets are enumerated, above that orders are sampled (seeded).

`shapley_values` is for games of one's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import polars as pl

from unmogrowp.attribution.credit.journeys import Floats, Ints, InvalidJourneys, Journeys, sums

MAX_EXACT = 12
SAMPLES = 1_000
# Sets of this many channels need a gigabyte of arrays.
MOST_EXACT = 24
# Marking a byte for each path and channel is quicker than sorting touches, up to this many bytes.
MARKABLE = 1 << 26


@dataclass(frozen=True, slots=True)
class Estimate:
    """Values of the players and how far sampling may have missed them (0 when exact)."""

    values: Floats
    standard_errors: Floats


def shapley(journeys: Journeys) -> Floats:
    """Return the share of its conversion that each touch gets in the game of conversions.

    Each distinct channel of a journey gets the same; touches of one channel divide its part.
    """
    path = journeys.path_of_touch
    channels = max(1, len(journeys.channels))
    key = path * channels + journeys.codes
    found, place, repeats = np.unique(key, return_inverse=True, return_counts=True)
    distinct = np.bincount(found // channels, minlength=len(journeys))
    shares: Floats = 1.0 / (distinct[path] * repeats[place])
    return shares


def shapley_by_channel(journeys: Journeys, per_path: Floats) -> Floats:
    """Return a total of each path (conversions, value) shared out by channel."""
    channels = max(1, len(journeys.channels))
    key = journeys.path_of_touch * channels + journeys.codes
    if len(journeys) * channels <= MARKABLE:
        is_touched = np.zeros(len(journeys) * channels, dtype=bool)
        is_touched[key] = True
        found = np.flatnonzero(is_touched)
    else:
        key.sort()
        is_new = np.ones(len(key), dtype=bool)
        is_new[1:] = key[1:] != key[:-1]
        found = key[is_new]
    path, code = np.divmod(found, channels)
    distinct = np.bincount(path, minlength=len(journeys))
    share = np.divide(per_path, distinct, out=np.zeros(len(journeys)), where=distinct > 0)
    return sums(code, share[path], len(journeys.channels))


def shapley_rate(
    journeys: Journeys, per_path: Floats, *, max_exact: int, samples: int, seed: int
) -> Floats:
    """Share out a total of each path by the game of rates.

    Args:
        journeys: The journeys.
        per_path: What converts: conversions or value of each path.
        max_exact: Up to this many channels all sets are enumerated.
        samples: Orders that are sampled above that.
        seed: Of the sampling.
    """
    total = float(per_path.sum())
    counts = journeys.conversions + journeys.nulls
    channels = len(journeys.channels)
    if total == 0 or channels == 0:
        return np.zeros(channels)
    if channels <= min(max_exact, MOST_EXACT):
        bits = np.left_shift(1, journeys.codes)
        members = np.bitwise_or.reduceat(bits, journeys.starts[:-1])
        worth = _rate(_inside(members, per_path, channels), _inside(members, counts, channels))
        estimate = exact(worth)
    else:

        def along(order: Ints) -> Floats:
            rank = np.empty(channels, dtype=np.int64)
            rank[order] = np.arange(channels)
            # A journey lies inside the joined channels as soon as the last of its own has joined.
            complete = np.maximum.reduceat(rank[journeys.codes], journeys.starts[:-1])
            return _rate(
                np.cumsum(sums(complete, per_path, channels)),
                np.cumsum(sums(complete, counts, channels)),
            )

        estimate = sampled(along, channels, samples, seed)
    return estimate.values * float(counts.sum())


def exact(worth: Floats) -> Estimate:
    """Return Shapley values of a game given as the worth of every set.

    Args:
        worth: 2^n numbers; bit i of the place says whether player i is in the set, and place 0,
            the empty set, is worth 0.
    """
    players = int(worth.size).bit_length() - 1
    members = np.arange(worth.size)
    size = np.bitwise_count(members).astype(np.int64)
    # How often a set of this size comes right before a given player, of all orders.
    weight = np.array([1.0 / (players * comb(players - 1, s)) for s in range(players)])
    values = np.zeros(players)
    for player in range(players):
        without = members[(members >> player) & 1 == 0]
        gained = worth[without | (1 << player)] - worth[without]
        values[player] = float(np.dot(weight[size[without]], gained))
    return Estimate(values, np.zeros(players))


def sampled(along: Callable[[Ints], Floats], players: int, samples: int, seed: int) -> Estimate:
    """Estimate Shapley values from random orders, each taken forwards and backwards.

    Args:
        along: For an order of the players, the worth of the first, of the first two, and so on.
        players: How many there are.
        samples: How many orders, at least 4; the two directions of one count as two.
        seed: The same seed gives the same result.
    """
    random = np.random.default_rng(seed)
    pairs = max(2, samples // 2)
    gains = np.zeros((pairs, players))
    for pair in range(pairs):
        order = random.permutation(players)
        for direction in (order, order[::-1]):
            gains[pair, direction] += np.diff(along(direction), prepend=0.0) / 2
    return Estimate(gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(pairs))


def shapley_values(
    worth: Callable[[frozenset[str]], float],
    players: Sequence[str],
    *,
    max_exact: int = MAX_EXACT,
    samples: int = SAMPLES,
    seed: int = 0,
) -> pl.DataFrame:
    """Return the Shapley values of a game of one's own.

    Args:
        worth: What a set of players achieves; the empty set is never asked for and worth 0.
        players: Their names, each once.
        max_exact: Up to this many players all sets are asked for (2^n calls).
        samples: Orders that are sampled above that (n calls each).
        seed: Of the sampling.

    Returns:
        One row per player: `player`, `value` (they add up to the worth of all),
        `standard_error` (0 when exact).

    Raises:
        InvalidJourneys: A player is named twice.
    """
    names = list(players)
    if len(set(names)) != len(names):
        raise InvalidJourneys("a player is named twice")
    if len(names) <= min(max_exact, MOST_EXACT):
        sets = [
            frozenset(name for place, name in enumerate(names) if (mask >> place) & 1)
            for mask in range(1, 1 << len(names))
        ]
        estimate = exact(np.array([0.0, *(float(worth(one)) for one in sets)]))
    else:

        def along(order: Ints) -> Floats:
            joined = [names[place] for place in order]
            return np.array(
                [float(worth(frozenset(joined[: count + 1]))) for count in range(len(joined))]
            )

        estimate = sampled(along, len(names), samples, seed)
    return pl.DataFrame(
        {"player": names, "value": estimate.values, "standard_error": estimate.standard_errors},
        schema={"player": pl.String, "value": pl.Float64, "standard_error": pl.Float64},
    )


def _inside(members: Ints, per_path: Floats, channels: int) -> Floats:
    """Return, for every set of channels, the sum over the paths whose channels lie in it."""
    inside = sums(members, per_path, 1 << channels)
    for channel in range(channels):
        halves = inside.reshape(-1, 2, 1 << channel)
        halves[:, 1] += halves[:, 0]
    return inside


def _rate(gained: Floats, journeys: Floats) -> Floats:
    return np.divide(gained, journeys, out=np.zeros_like(gained), where=journeys > 0)
