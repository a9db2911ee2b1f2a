"""Answers that the authors of other tools published, for journeys small enough to check by hand."""

import polars as pl
import pytest

from tests.credit.journeys import vectors
from unmogrowp.attribution import credit_paths, shapley_values

# How the published answers are named -> our model, and the channel that counts as direct.
NAMES = {
    "first_touch": ("first", ""),
    "last_touch": ("last", ""),
    "linear": ("linear", ""),
    "linear (per touch)": ("linear", ""),
    "position_based_40_20_40": ("position_based", ""),
    "position_based_30_0_70": ("position_based", ""),
    "markov_order1": ("markov_1", ""),
    "attribution_first_click_heuristic": ("first", ""),
    "attribution_last_click_heuristic": ("last", ""),
    "attribution_last_click_non_A_heuristic": ("last_non_direct", "A"),
    "attribution_linear_heuristic": ("linear", ""),
    "attribution_position_based_0.4_0.2_0.4_heuristic": ("position_based", ""),
    "attribution_markov_algorithmic": ("markov_1", ""),
    "shapley (v(S)=conversions of paths whose channel set is a subset of S)": ("shapley", ""),
    "shapley (same v)": ("shapley", ""),
}
SECTIONS = (
    "published",
    "exact_limit (ours)",
    "computed_by_peer (marketing_attribution_models 1.0.10)",
)
CASES = [
    pytest.param(vector, name, answer, id=f"{vector['id']}: {name}")
    for vector in vectors()
    for section in SECTIONS
    for name, answer in vector.get(section, {}).items()
    if name in NAMES and isinstance(answer, dict)
]


def _frame(vector: dict) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "path": [row[0].split(" > ") for row in vector["paths"]],
            "conversions": [float(row[1]) for row in vector["paths"]],
            "nulls": [float(row[2]) for row in vector["paths"]],
        }
    )


@pytest.mark.parametrize(("vector", "name", "answer"), CASES)
def test_credit_is_what_was_published(vector: dict, name: str, answer: dict) -> None:
    model, direct = NAMES[name]
    weights = (0.3, 0.0, 0.7) if name.endswith("30_0_70") else (0.4, 0.2, 0.4)
    credit = credit_paths(_frame(vector), [model], direct=direct, position_weights=weights)
    found = dict(credit.select("channel", "conversions").iter_rows())
    # Authors leave out channels without credit.
    expected = dict.fromkeys(found, 0.0) | answer
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_every_published_set_of_journeys_is_looked_at() -> None:
    assert len({vector["id"] for vector in vectors() if "paths" in vector}) == 10
    assert len(CASES) == 21


def test_shares_by_position_are_what_was_published() -> None:
    vector = next(one for one in vectors() if one["id"] == "snowplow-3-touch-position")
    # The same path with names that tell the touches apart.
    told_apart = pl.DataFrame({"path": [["1", "2", "3"]], "conversions": [140.0]})
    names = {
        "first_touch": "first",
        "last_touch": "last",
        "linear": "linear",
        "position_based": "position_based",
    }
    for name, answer in vector["published"].items():
        found = credit_paths(told_apart, [names[name]])["conversions"].to_list()
        assert found == pytest.approx(answer, rel=1e-9), name


def test_a_published_game_has_its_shapley_values() -> None:
    vector = next(one for one in vectors() if one["id"] == "shapley-game-dp6-readme")
    worth = {frozenset(name.split(",")): value for name, value in vector["game"].items()}
    values = shapley_values(worth.__getitem__, ["O", "F", "D"])
    found = dict(values.select("player", "value").iter_rows())
    assert found == pytest.approx(vector["computed (ours, textbook Shapley)"], rel=1e-12)


def test_removal_effects_are_what_was_published() -> None:
    from unmogrowp.attribution.credit.journeys import journeys_of
    from unmogrowp.attribution.credit.markov import removal_effects

    for vector in vectors():
        for section in ("published", "exact_limit (ours)"):
            expected = vector.get(section, {}).get("removal_effects")
            if expected:
                journeys = journeys_of(_frame(vector))
                found = dict(zip(journeys.channels, removal_effects(journeys, 1), strict=True))
                assert found == pytest.approx(expected, rel=1e-9), vector["id"]
