"""The vectorised stitching against one that a reader can follow: sets, one node at a time."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.market.identity_oracle import stitch_slowly
from unmogrowp.identity.components import Cut, stitch

Edges = list[tuple[int, int]]


def stitched(node_count: int, edges: Edges, limit: int) -> tuple[list[int], list[Cut]]:
    found = stitch(node_count, np.array(edges, dtype=np.int64).reshape(-1, 2), limit)
    return found.names.tolist(), list(found.cuts)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Edges, int]:
    node_count = draw(st.integers(1, 24))
    nodes = st.integers(0, node_count - 1)
    edges = draw(st.lists(st.tuples(nodes, nodes), max_size=40))
    return node_count, edges, draw(st.integers(1, 8))


@given(graphs())
def test_it_agrees_with_sets_and_one_cut_at_a_time(graph: tuple[int, Edges, int]) -> None:
    node_count, edges, limit = graph
    names, cuts = stitched(node_count, edges, limit)
    slow_names, slow_cuts = stitch_slowly(range(node_count), edges, limit)
    assert names == [slow_names[node] for node in range(node_count)]
    assert {(cut.node, cut.reason) for cut in cuts} == slow_cuts


@given(graphs(), st.randoms())
def test_order_direction_and_repetition_of_edges_do_not_matter(
    graph: tuple[int, Edges, int], rng: random.Random
) -> None:
    node_count, edges, limit = graph
    shuffled = [(b, a) if rng.random() < 0.5 else (a, b) for a, b in edges + edges[:3]]
    rng.shuffle(shuffled)
    assert stitched(node_count, shuffled, limit) == stitched(node_count, edges, limit)


@given(graphs())
def test_no_component_is_larger_than_the_limit(graph: tuple[int, Edges, int]) -> None:
    names, _ = stitched(*graph)
    assert max(np.bincount(names)) <= graph[2]


def test_nothing_is_nothing() -> None:
    assert stitched(0, [], 5) == ([], [])


def test_without_edges_every_node_is_alone() -> None:
    assert stitched(3, [], 5) == ([0, 1, 2], [])


def test_a_component_of_exactly_the_limit_stays() -> None:
    assert stitched(4, [(0, 1), (1, 2), (2, 3)], 4) == ([0, 0, 0, 0], [])


def test_one_node_more_and_it_is_cut_at_the_most_shared_node() -> None:
    names, cuts = stitched(5, [(0, 1), (1, 2), (2, 3), (2, 4)], 4)
    assert names == [0, 0, 2, 3, 4]
    assert cuts == [Cut(2, "too_large_component", 3, 5)]


def test_of_equally_shared_nodes_the_least_is_cut() -> None:
    names, cuts = stitched(4, [(0, 1), (1, 2), (2, 3)], 3)
    assert names == [0, 1, 2, 2]
    assert [cut.node for cut in cuts] == [1]


def test_a_node_with_too_many_neighbours_connects_nothing_whatever_the_rest() -> None:
    names, cuts = stitched(6, [(5, 0), (5, 1), (5, 2), (5, 3), (0, 4)], 3)
    assert names == [0, 1, 2, 3, 0, 5]
    assert cuts == [Cut(5, "too_many_neighbours", 4, 0)]


def test_a_hub_is_a_hub_although_few_of_its_edges_are_known() -> None:
    edges = np.array([[0, 1], [1, 2]])
    found = stitch(3, edges, 5, hubs=np.array([False, True, False]))
    assert found.names.tolist() == [0, 1, 2]


def test_a_long_chain_loses_its_oldest_end() -> None:
    names, cuts = stitched(12, [(node, node + 1) for node in range(11)], 4)
    assert names == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]
    assert [cut.node for cut in cuts] == [1, 3, 5, 7]


def test_what_is_many_times_too_large_is_cut_at_several_nodes_at_once() -> None:
    size = 20_000
    chain = [(node, node + 1) for node in range(size - 1)]
    names, cuts = stitched(size, chain, 10)
    assert max(np.bincount(names)) <= 10
    assert [cut.component_size for cut in cuts[:500]] == [size] * 500
    assert cuts[500].component_size < size
