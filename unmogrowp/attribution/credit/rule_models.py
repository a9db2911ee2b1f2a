"""Models that follow a rule: which share of its conversion each touch gets.

A rule sees one journey at a time, so the shares of a journey's touches add up to 1 whatever other
journeys there are. All of them are array operations over all touches at once.
"""

from collections.abc import Sequence

import numpy as np

from unmogrowp.attribution.credit.journeys import Floats, Ints, InvalidJourneys, Journeys

PositionWeights = tuple[float, float, float]
EVEN_ENOUGH = 1e-9


def first(journeys: Journeys) -> Floats:
    """Give everything to the first touch."""
    return _at(journeys, journeys.starts[:-1])


def last(journeys: Journeys) -> Floats:
    """Give everything to the last touch."""
    return _at(journeys, journeys.starts[1:] - 1)


def last_non_direct(journeys: Journeys, direct: str) -> Floats:
    """Give everything to the last touch that is not `direct`; to the last where all are."""
    return _at(journeys, last_non_direct_touch(journeys, direct))


def last_non_direct_touch(journeys: Journeys, direct: str) -> Ints:
    """Return the place of the last touch of each path that is not `direct`, else of the last."""
    ends = journeys.starts[1:] - 1
    if direct not in journeys.channels or not len(journeys):
        return ends
    code = journeys.channels.index(direct)
    places = np.where(journeys.codes == code, -1, np.arange(len(journeys.codes)))
    found = np.maximum.reduceat(places, journeys.starts[:-1])
    return np.where(found < 0, ends, found)


def linear(journeys: Journeys) -> Floats:
    """Give every touch the same; a channel that was touched twice gets two shares."""
    return journeys.per_touch(1.0 / journeys.lengths)


def position_based(journeys: Journeys, weights: PositionWeights = (0.4, 0.2, 0.4)) -> Floats:
    """Give fixed shares to the first and the last touch, the rest equally to those between.

    One touch gets everything. Two touches share in the ratio of the first and last weight (half
    and half where both are 0), as there is nothing between them.
    """
    opening, middle, closing = checked_weights(weights)
    lengths = journeys.lengths
    between = np.divide(middle, lengths - 2, out=np.zeros(len(lengths)), where=lengths > 2)
    shares = journeys.per_touch(between)
    ends = opening + closing
    of_two = opening / ends if ends > 0 else 0.5
    heads, tails = journeys.starts[:-1], journeys.starts[1:] - 1
    # With nobody between them to take the middle, journeys of three touches and more keep it.
    shares[heads] = np.where(lengths == 2, of_two, opening)
    shares[tails] = np.where(lengths == 2, 1.0 - of_two, closing)
    shares[heads[lengths == 1]] = 1.0
    return shares


def checked_weights(weights: Sequence[float]) -> PositionWeights:
    """Return the three weights of `position_based`.

    Raises:
        InvalidJourneys: Not three finite numbers of at least 0 that add up to 1.
    """
    found = tuple(float(weight) for weight in weights)
    if (
        len(found) != 3
        or not all(np.isfinite(found))
        or min(found) < 0
        or abs(sum(found) - 1.0) > EVEN_ENOUGH
    ):
        raise InvalidJourneys(
            f"position_weights must be three numbers of at least 0 that add up to 1, not {weights}"
        )
    return found[0], found[1], found[2]


def time_decay(journeys: Journeys, age_ms: Floats, half_life_ms: float) -> Floats:
    """Give a touch half of what one gets that is younger by one half-life.

    Args:
        journeys: The journeys.
        age_ms: Milliseconds from each touch to its conversion, at least 0.
        half_life_ms: More than 0. Continuous: ages are not rounded to steps.
    """
    # Only ratios count, so ages are taken from the youngest: 0.5^(a year / a minute) would be 0.
    youngest = np.minimum.reduceat(age_ms, journeys.starts[:-1]) if len(journeys) else age_ms
    weight = np.exp2(-(age_ms - journeys.per_touch(youngest)) / half_life_ms)
    return shared_within(journeys, weight)


def shared_within(journeys: Journeys, weight: Floats) -> Floats:
    """Return weights of touches scaled so that those of each path add up to 1.

    A path whose weights are all 0 is shared equally.
    """
    if not len(journeys):
        return weight
    total = np.add.reduceat(weight, journeys.starts[:-1])
    even = 1.0 / journeys.lengths
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return weight * journeys.per_touch(scale) + journeys.per_touch(np.where(total > 0, 0.0, even))


def _at(journeys: Journeys, places: Ints) -> Floats:
    shares = np.zeros(len(journeys.codes))
    shares[places] = 1.0
    return shares
