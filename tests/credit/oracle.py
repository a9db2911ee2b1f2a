"""Credit worked out slowly, in plain Python and in fractions, from the words of the rules.

It looks at one journey, one order of channels, one state at a time, and shares no code with the
library. Tests hold the library against it.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

# (path, conversions, value, nulls)
Row = tuple[Sequence[str], int, int, int]
Credit = dict[str, Fraction]

START, CONVERSION, NULL = ("start",), ("conversion",), ("null",)


def shares(path: Sequence[str], model: str, direct: str = "(direct)") -> list[Fraction]:
    """Return what each touch of one path gets of its conversion."""
    count = len(path)
    given = [Fraction(0)] * count
    if model == "first":
        given[0] = Fraction(1)
    elif model == "last":
        given[-1] = Fraction(1)
    elif model == "last_non_direct":
        places = [place for place, channel in enumerate(path) if channel != direct]
        given[places[-1] if places else -1] = Fraction(1)
    elif model == "linear":
        given = [Fraction(1, count)] * count
    elif model == "position_based":
        if count == 1:
            return [Fraction(1)]
        if count == 2:
            return [Fraction(1, 2), Fraction(1, 2)]
        given = [Fraction(1, 5) / (count - 2)] * count
        given[0] = given[-1] = Fraction(2, 5)
    elif model == "shapley":
        for place, channel in enumerate(path):
            given[place] = Fraction(1, len(set(path))) / list(path).count(channel)
    else:
        raise AssertionError(model)
    return given


def by_rule(rows: Sequence[Row], model: str, measure: int = 1) -> Credit:
    """Return credit of channels; measure 1 is conversions, 2 is value."""
    credit: Credit = defaultdict(Fraction)
    for row in rows:
        for channel, share in zip(row[0], shares(row[0], model), strict=True):
            credit[channel] += share * row[measure]
    return dict(credit)


def by_markov(rows: Sequence[Row], order: int, measure: int = 1) -> Credit:
    """Return credit in proportion to removal effects of a chain of this order."""
    effects = removal_effects(rows, order)
    total = sum((Fraction(row[measure]) for row in rows), Fraction(0))
    every = sum(effects.values(), Fraction(0))
    return {
        name: total * effect / every if every else Fraction(0) for name, effect in effects.items()
    }


def removal_effects(rows: Sequence[Row], order: int) -> Credit:
    """Return the share of conversions lost when visits to a channel go to null."""
    flows: dict[tuple[str, ...], dict[tuple[str, ...], Fraction]] = defaultdict(
        lambda: defaultdict(Fraction)
    )
    channels: set[str] = set()
    for path, conversions, _, nulls in rows:
        channels |= set(path)
        # A prefix keeps states apart from start, conversion and null, whatever channels are called.
        states = [("s", *path[max(0, end - order) : end]) for end in range(1, len(path) + 1)]
        for one, other in itertools.pairwise([START, *states]):
            flows[one][other] += conversions + nulls
        flows[states[-1]][CONVERSION] += conversions
        flows[states[-1]][NULL] += nulls
    before = _chance_to_convert(flows, None)
    return {
        channel: 1 - _chance_to_convert(flows, channel) / before if before else Fraction(0)
        for channel in channels
    }


def _chance_to_convert(
    flows: Mapping[tuple[str, ...], Mapping[tuple[str, ...], Fraction]], removed: str | None
) -> Fraction:
    """Solve `p(state) = sum of chance(next) * p(next)` by elimination."""
    states = [state for state, out in flows.items() if sum(out.values())]
    if START not in states:
        return Fraction(0)
    place = {state: number for number, state in enumerate(states)}
    rows = []
    for state in states:
        out = flows[state]
        total = sum(out.values())
        row = [Fraction(0)] * (len(states) + 1)
        row[place[state]] += 1
        for target, count in out.items():
            if target == CONVERSION:
                row[-1] += count / total
            elif target in place and target[-1] != removed:
                row[place[target]] -= count / total
        rows.append(row)
    return _solved(rows)[place[START]]


def _solved(rows: list[list[Fraction]]) -> list[Fraction]:
    size = len(rows)
    for column in range(size):
        pivot = next(number for number in range(column, size) if rows[number][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [entry / head for entry in rows[column]]
        for number in range(size):
            factor = rows[number][column]
            if number != column and factor:
                rows[number] = [
                    entry - factor * other
                    for entry, other in zip(rows[number], rows[column], strict=True)
                ]
    return [row[-1] for row in rows]


def by_shapley(rows: Sequence[Row], *, is_rate: bool, measure: int = 1) -> Credit:
    """Return Shapley values by walking through every order of all channels."""
    channels = sorted({channel for row in rows for channel in row[0]})
    journeys = sum(row[1] + row[3] for row in rows)

    def worth(joined: set[str]) -> Fraction:
        inside = [row for row in rows if set(row[0]) <= joined]
        gained = Fraction(sum(row[measure] for row in inside))
        if not is_rate:
            return gained
        seen = sum(row[1] + row[3] for row in inside)
        return gained * journeys / seen if seen else Fraction(0)

    credit: Credit = dict.fromkeys(channels, Fraction(0))
    orders = list(itertools.permutations(channels))
    for order in orders:
        joined: set[str] = set()
        for channel in order:
            gained = worth(joined | {channel}) - worth(joined)
            credit[channel] += gained / len(orders)
            joined.add(channel)
    return credit
