"""Every model against the same rule in plain Python and fractions, on journeys made up."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.credit import oracle
from tests.credit.journeys import frame, rows
from tests.credit.oracle import Credit, Row
from unmogrowp.attribution import credit_paths
from unmogrowp.attribution.credit import PATH_MODELS, markov

RULES = ("first", "last", "last_non_direct", "linear", "position_based", "shapley")
ORDERS = (1, 2, 3)


def by_channel(paths: pl.DataFrame, model: str, measure: str = "conversions") -> dict[str, float]:
    return dict(credit_paths(paths, [model]).select("channel", measure).iter_rows())


def numbers(credit: Credit) -> dict[str, float]:
    return {channel: float(share) for channel, share in credit.items()}


@given(rows())
@settings(max_examples=60, deadline=None)
def test_rule_models_are_the_rule(journeys: list[Row]) -> None:
    for model in RULES:
        for column, measure in ((1, "conversions"), (2, "value")):
            expected = numbers(oracle.by_rule(journeys, model, column))
            found = by_channel(frame(journeys), model, measure)
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), model


@given(rows())
@settings(max_examples=40, deadline=None)
def test_markov_is_the_algebraic_answer(journeys: list[Row]) -> None:
    for order in ORDERS:
        for column, measure in ((1, "conversions"), (2, "value")):
            expected = numbers(oracle.by_markov(journeys, order, column))
            found = by_channel(frame(journeys), f"markov_{order}", measure)
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), order


@pytest.mark.parametrize("few_states", [0, 10_000], ids=["by removing", "by blocks"])
@given(journeys=rows())
@settings(max_examples=25, deadline=None)
def test_sparse_and_dense_solutions_agree(few_states: int, journeys: list[Row]) -> None:
    # Journeys with thousands of states take the sparse way; here it is taken for small ones.
    before = markov.DENSE_STATES, markov.FEW_STATES
    try:
        for order in ORDERS:
            dense = by_channel(frame(journeys), f"markov_{order}")
            markov.DENSE_STATES, markov.FEW_STATES = 0, few_states
            assert by_channel(frame(journeys), f"markov_{order}") == pytest.approx(dense, abs=1e-9)
            markov.DENSE_STATES, markov.FEW_STATES = before
    finally:
        markov.DENSE_STATES, markov.FEW_STATES = before


@given(rows(channels=3, most=5))
@settings(max_examples=40, deadline=None)
def test_shapley_is_the_mean_over_all_orders(journeys: list[Row]) -> None:
    for model, is_rate in (("shapley", False), ("shapley_rate", True)):
        for column, measure in ((1, "conversions"), (2, "value")):
            expected = numbers(oracle.by_shapley(journeys, is_rate=is_rate, measure=column))
            found = by_channel(frame(journeys), model, measure)
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), model


@given(rows())
@settings(max_examples=60, deadline=None)
def test_every_model_shares_out_exactly_what_there_is(journeys: list[Row]) -> None:
    credit = credit_paths(frame(journeys), PATH_MODELS)
    for _, model in credit.group_by("model"):
        for column, measure in ((1, "conversions"), (2, "value")):
            total = sum(row[column] for row in journeys)
            assert math.isclose(model[measure].sum(), total, rel_tol=1e-9, abs_tol=1e-9)


@given(rows(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_and_splitting_of_rows_do_not_matter(journeys: list[Row], random: object) -> None:
    pieces: list[Row] = []
    for path, conversions, value, nulls in journeys:
        part = conversions // 2
        worth = value if part == conversions else 0
        pieces.append((path, part, worth, nulls))
        pieces.append((path, conversions - part, value - worth, 0))
    random.shuffle(pieces)  # type: ignore[attr-defined]
    whole = credit_paths(frame(journeys), PATH_MODELS)
    split = credit_paths(frame(pieces), PATH_MODELS)
    assert whole.select("model", "channel").equals(split.select("model", "channel"))
    for measure in ("conversions", "value"):
        assert split[measure].to_list() == pytest.approx(whole[measure].to_list(), abs=1e-9)


@given(rows(), st.integers(2, 1_000_000))
@settings(max_examples=30, deadline=None)
def test_ten_times_the_journeys_get_ten_times_the_credit(journeys: list[Row], times: int) -> None:
    more = [(path, c * times, v * times, n * times) for path, c, v, n in journeys]
    one = credit_paths(frame(journeys), PATH_MODELS)["conversions"] * times
    many = credit_paths(frame(more), PATH_MODELS)["conversions"]
    assert many.to_list() == pytest.approx(one.to_list(), rel=1e-9, abs=1e-6)
