"""Markov models: how many conversions would be lost without a channel, worked out exactly.

Journeys are walks through states: start, the last k channels, and then conversion or null. What
is removed is a channel: every visit to a state that *ends* in it goes to null instead. Its removal
effect is the share of conversions that are lost thereby; credit is shared in proportion to the
removal effects. Journeys of fewer than k touches pass through states that are shorter, so one of a
single touch is a state of its own.

Why no walk is simulated. Let `W` hold how often the journeys went from state to state, `d` how
often they were in a state at all, and `L = diag(d) - W`. Whoever enters a state leaves it, so the
columns of `L` add up to the entries `b` from the start: `L^T 1 = b`. Then, with `G = L^-1`:

- conversions still to come from a visit to each state: `u = G c`, `c` the conversions out of it;
- of the walks that enter the states `D` of a channel, seen where they first do:
  `h^T = 1^T (G_DD)^-1`, because `h^T G_DD = (b^T G)_D = 1^T`;
- removal effect of the channel: `h^T u_D / (all conversions)`.

For order 1 that is `u_i / (G_ii * conversions)`: one factorisation serves all channels.
"""

from dataclasses import dataclass

import numpy as np

from unmogrowp.attribution.credit.journeys import Floats, Ints, Journeys, sums

# Up to this many states one dense inverse is quicker than a sparse factorisation.
DENSE_STATES = 600
# With more states than this to a channel, factorising what is left without them is quicker than
# solving for each of them.
FEW_STATES = 16
# Counting into an array of this length is quicker than sorting what is to be counted.
COUNTABLE = 1 << 22


@dataclass(frozen=True, slots=True)
class StateGraph:
    """Which states journeys pass through; counts come later, so that a resample can reuse it.

    `edge_of_move` and `path_of_move` have one entry per step from touch to touch; `edge_from` and
    `edge_to` are the states of each distinct step.
    """

    channel_of_state: Ints
    first_state: Ints
    last_state: Ints
    edge_from: Ints
    edge_to: Ints
    edge_of_move: Ints
    path_of_move: Ints


def removal_effects(journeys: Journeys, order: int) -> Floats:
    """Return the share of conversions that are lost without each channel, between 0 and 1.

    All are 0 where nothing converts. Journeys that did not convert (`nulls`) count as walks that
    end in the null state.
    """
    graph = state_graph(journeys, order)
    return effects_of(graph, len(journeys.channels), journeys.conversions, journeys.nulls)


def state_graph(journeys: Journeys, order: int) -> StateGraph:
    """Lay out the states and steps of journeys for a chain of the given order."""
    states, channel_of_state = _states(journeys, order)
    has_next = np.ones(len(states), dtype=bool)
    has_next[journeys.starts[1:] - 1] = False
    origin = np.flatnonzero(has_next)
    steps, edge_of_move = _numbered(
        states[origin] * max(1, len(channel_of_state)) + states[origin + 1],
        len(channel_of_state) ** 2,
    )
    count = max(1, len(channel_of_state))
    return StateGraph(
        channel_of_state=channel_of_state,
        first_state=states[journeys.starts[:-1]],
        last_state=states[journeys.starts[1:] - 1],
        edge_from=steps // count,
        edge_to=steps % count,
        edge_of_move=edge_of_move,
        path_of_move=journeys.path_of_touch[origin],
    )


def effects_of(graph: StateGraph, channels: int, conversions: Floats, nulls: Floats) -> Floats:
    """Return the removal effects for given counts of each path; see `removal_effects`."""
    effects = np.zeros(channels)
    total = float(conversions.sum())
    if total == 0:
        return effects
    size = len(graph.channel_of_state)
    # Only proportions count: scaling keeps counts of any size within what floats can hold.
    weight = (conversions + nulls) / total
    moves = sums(graph.edge_of_move, weight[graph.path_of_move], len(graph.edge_from))
    converted = sums(graph.last_state, conversions / total, size)
    visits = sums(graph.last_state, weight, size)
    visits += sums(graph.edge_from, moves, size)
    # States that no journey with a count passes would be rows of zeros.
    is_visited = visits > 0
    place = np.cumsum(is_visited) - 1
    is_used = moves > 0
    chain = _Chain(
        visits[is_visited],
        place[graph.edge_from[is_used]],
        place[graph.edge_to[is_used]],
        moves[is_used],
        converted[is_visited],
    )
    channel = graph.channel_of_state[is_visited]
    by_channel = np.argsort(channel, kind="stable")
    bounds = np.searchsorted(channel[by_channel], np.arange(channels + 1))
    for code in range(channels):
        ending = by_channel[bounds[code] : bounds[code + 1]]
        if len(ending):
            effects[code] = chain.share_through(ending)
    # Rounding may leave a trace beyond the ends of what a share can be.
    return np.clip(effects, 0.0, 1.0)


class _Chain:
    """The matrix diag(visits) - moves, and what is asked of its inverse."""

    def __init__(
        self, visits: Floats, origin: Ints, target: Ints, moves: Floats, converted: Floats
    ) -> None:
        self._converted = converted
        size = len(visits)
        self._dense: Floats | None = None
        if size <= DENSE_STATES:
            matrix = np.diag(visits)
            np.subtract.at(matrix, (origin, target), moves)
            inverse = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
            self._dense = inverse
            self._to_come = inverse @ converted
            return
        # Imported where it is needed: loading it costs a third of a second.
        from scipy.sparse import csc_matrix
        from scipy.sparse.linalg import splu

        every = np.arange(size)
        self._factorise = splu
        self._matrix = csc_matrix(
            (
                np.concatenate([visits, -moves]),
                (np.concatenate([every, origin]), np.concatenate([every, target])),
            ),
            shape=(size, size),
        )
        self._factors = splu(self._matrix)
        self._to_come = np.asarray(self._factors.solve(converted))
        self._first = visits - sums(target, moves, size)

    def share_through(self, states: Ints) -> float:
        """Return the share of conversions whose walk passes at least one of the states."""
        if self._dense is not None:
            block = self._dense[np.ix_(states, states)]
        elif len(states) <= FEW_STATES:
            columns = np.zeros((len(self._converted), len(states)))
            columns[states, np.arange(len(states))] = 1.0
            block = np.asarray(self._factors.solve(columns))[states]
        else:
            return self._share_by_removing(states)
        return float(np.linalg.solve(block, self._to_come[states]).sum())

    def _share_by_removing(self, states: Ints) -> float:
        """Return the same from the chain without the states: one more factorisation."""
        is_kept = np.ones(len(self._converted), dtype=bool)
        is_kept[states] = False
        kept = np.flatnonzero(is_kept)
        if not len(kept):
            return 1.0
        without = self._matrix[kept][:, kept].tocsc()
        left = self._factorise(without).solve(self._converted[kept])
        return 1.0 - float(np.dot(self._first[kept], left))


def _states(journeys: Journeys, order: int) -> tuple[Ints, Ints]:
    """Return the state of each touch and the channel that each state ends in."""
    channels = max(1, len(journeys.channels))
    states = journeys.codes
    channel_of_state = np.arange(len(journeys.channels), dtype=np.int64)
    is_first = np.zeros(len(states), dtype=bool)
    is_first[journeys.starts[:-1]] = True
    for _ in range(order - 1):
        # A state of one channel more is the state of the touch before, and this channel.
        before = np.empty_like(states)
        before[1:] = states[:-1] + 1
        before[is_first] = 0
        found, states = _numbered(
            before * channels + journeys.codes, (len(channel_of_state) + 1) * channels
        )
        channel_of_state = found % channels
    return states, channel_of_state


def _numbered(keys: Ints, bound: int) -> tuple[Ints, Ints]:
    """Return the distinct keys in order, and the place of each key among them."""
    if bound <= COUNTABLE:
        is_present = np.zeros(bound, dtype=bool)
        is_present[keys] = True
        found = np.flatnonzero(is_present)
        place = np.cumsum(is_present) - 1
        return found, place[keys]
    found, places = np.unique(keys, return_inverse=True)
    return found, places
