"""Connected components with a bound on their size: the stitching itself, over numbers only.

Nodes are numbered in the order in which they may give their name to a component, so the least
node of a component is its name and the result is a function of the set of edges: neither the
order in which they are given nor the batches in which they arrived can matter.

Super-nodes are cut, so that a phone of the test lab or an id that says nothing does not swallow an
app. A node with more than `limit` neighbours connects nothing. A component that is still larger
than `limit` is cut at its most shared node, the one with the most neighbours in it, the least of
equals, again and again until no piece is too large. One that is many times too large is cut at
several nodes at once, one per `4 * limit` of its nodes, so that time stays bounded.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Nodes = NDArray[np.int64]
Flags = NDArray[np.bool_]
CutReason = Literal["too_many_neighbours", "too_large_component"]
# A component of at most eight times the limit is cut one node at a time.
NODES_PER_CUT = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """A node that connects nothing; counts are those at the moment of its cut.

    `neighbour_count` of a node that has too many counts those among the given edges only.
    """

    node: int
    reason: CutReason
    neighbour_count: int
    component_size: int


@dataclass(frozen=True, slots=True)
class Stitched:
    """`names[node]` is the least node of its component; a cut node is a component of its own."""

    names: Nodes
    cuts: tuple[Cut, ...]


def stitch(node_count: int, edges: Nodes, limit: int, hubs: Flags | None = None) -> Stitched:
    """Return the bounded components of nodes 0 to `node_count - 1`.

    Args:
        node_count: Number of nodes.
        edges: Pairs of nodes, of shape (n, 2), in any order and direction, repeated or not.
        limit: Greatest number of nodes of a component, and of neighbours of a node.
        hubs: Nodes that are known to have too many neighbours although not all their edges are
            given; by default none.
    """
    pairs = _distinct(edges, node_count)
    neighbours = np.bincount(pairs.ravel(), minlength=node_count)
    is_cut = neighbours > limit
    if hubs is not None:
        is_cut |= hubs
    cuts = [
        Cut(int(node), "too_many_neighbours", int(neighbours[node]), 0)
        for node in np.flatnonzero(is_cut)
    ]
    pairs = pairs[~is_cut[pairs].any(axis=1)]
    names = _least_of_component(np.arange(node_count), pairs)
    sizes = np.bincount(names, minlength=node_count)
    large = np.flatnonzero(sizes[names] > limit)
    while large.size:
        # Numbers within what is too large, so that a round costs what is left and not everything.
        pairs = np.searchsorted(large, pairs[sizes[names[pairs[:, 0]]] > limit])
        chosen = _most_shared(names[large], pairs, limit)
        shared = np.bincount(pairs.ravel(), minlength=large.size)
        cuts.extend(
            Cut(int(large[i]), "too_large_component", int(shared[i]), int(sizes[names[large[i]]]))
            for i in chosen
        )
        is_cut = np.zeros(large.size, dtype=np.bool_)
        is_cut[chosen] = True
        pairs = large[pairs[~is_cut[pairs].any(axis=1)]]
        names[large] = _least_of_component(large, pairs)
        sizes[names[large]] = 0
        np.add.at(sizes, names[large], 1)
        large = large[sizes[names[large]] > limit]
    return Stitched(names, tuple(cuts))


def _most_shared(names: Nodes, pairs: Nodes, limit: int) -> Nodes:
    """Return the positions to cut: of each component those with the most neighbours in it."""
    positions = np.arange(names.size)
    neighbours = np.bincount(pairs.ravel(), minlength=names.size)
    order = np.lexsort((positions, -neighbours, names))
    begins = np.flatnonzero(np.r_[True, np.diff(names[order]) != 0])
    lengths = np.diff(np.r_[begins, order.size])
    place = positions - np.repeat(begins, lengths)
    cut_count = np.maximum(1, lengths // (NODES_PER_CUT * limit))
    chosen: Nodes = order[place < np.repeat(cut_count, lengths)]
    return chosen


def _least_of_component(nodes: Nodes, pairs: Nodes) -> Nodes:
    """Return the least node of the component of each of `nodes` (ascending), by `pairs` of them."""
    if not nodes.size:
        return np.zeros(0, dtype=np.int64)
    ends = np.searchsorted(nodes, pairs)
    graph = coo_array(
        (np.ones(len(ends), dtype=np.bool_), (ends[:, 0], ends[:, 1])),
        shape=(nodes.size, nodes.size),
    )
    _, labels = connected_components(graph, directed=False)
    _, firsts = np.unique(labels, return_index=True)
    least: Nodes = nodes[firsts][labels].astype(np.int64)
    return least


def _distinct(edges: Nodes, node_count: int) -> Nodes:
    """Return each pair once, the smaller node first, without pairs of a node with itself."""
    pairs = np.sort(edges.reshape(-1, 2).astype(np.int64), axis=1)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    keys = np.unique(pairs[:, 0] * node_count + pairs[:, 1])
    return np.stack(np.divmod(keys, max(node_count, 1)), axis=1)
