"""Intervals of credit: seeded, around what was found, narrower with more journeys, honest."""

import polars as pl
import pytest

from tests.credit.journeys import path_table
from unmogrowp.attribution import InvalidJourneys, bootstrap_paths, credit_paths, plot_credit
from unmogrowp.attribution.credit import PATH_MODELS

PATHS = path_table().with_columns(
    pl.col("path").str.split(" > "), value=pl.col("conversions") * 2.5
)


def intervals(paths: pl.DataFrame = PATHS, **options: object) -> pl.DataFrame:
    return bootstrap_paths(paths, **{"replicates": 60, **options})  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_intervals_whatever_the_order_of_rows() -> None:
    halves = PATHS.with_columns(
        pl.col("conversions") * 0.5, pl.col("nulls") * 0.5, pl.col("value") * 0.5
    )
    again = pl.concat([halves, halves]).sample(fraction=1.0, shuffle=True, seed=1)
    assert intervals(seed=7).equals(intervals(again, seed=7))
    assert not intervals(seed=7).equals(intervals(seed=8))


def test_credit_is_that_of_credit_paths_and_lies_within_its_interval() -> None:
    models = [model for model in PATH_MODELS if model != "markov_3"]
    found = intervals(models=models, replicates=20)
    plain = credit_paths(PATHS, models)
    assert found["conversions"].to_list() == pytest.approx(plain["conversions"].to_list())
    assert found["value"].to_list() == pytest.approx(plain["value"].to_list())
    for measure in ("conversions", "value"):
        assert (found[f"{measure}_low"] <= found[measure]).all()
        assert (found[f"{measure}_high"] >= found[measure]).all()


def test_a_hundred_times_the_journeys_have_intervals_ten_times_narrower() -> None:
    many = PATHS.with_columns(pl.col("conversions", "nulls", "value") * 100)

    def width(frame: pl.DataFrame) -> float:
        share = (pl.col("conversions_high") - pl.col("conversions_low")) / pl.sum("conversions")
        return float(frame.select(share.mean()).item())

    few = intervals(replicates=150, models=["markov_1"])
    assert width(few) / width(intervals(many, replicates=150, models=["markov_1"])) == (
        pytest.approx(10, rel=0.35)
    )


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    # 200 journeys are drawn from a known market, over and over.
    truth = 0.5
    held = 0
    for seed in range(60):
        drawn = pl.DataFrame({"path": [["a"], ["b"]], "nulls": [0, 0]}).with_columns(
            conversions=pl.Series(
                [(count := _binomial(200, truth, seed)), 200 - count], dtype=pl.Float64
            )
        )
        row = bootstrap_paths(drawn, ["linear"], level=0.9, replicates=100, seed=seed).row(
            0, named=True
        )
        held += row["conversions_low"] <= 200 * truth <= row["conversions_high"]
    assert 0.75 <= held / 60 <= 1.0


def _binomial(count: int, chance: float, seed: int) -> int:
    import numpy as np

    return int(np.random.default_rng(1_000 + seed).binomial(count, chance))


def test_near_equals_are_flagged_and_clear_differences_are_not() -> None:
    paths = pl.DataFrame(
        {"path": [["big"], ["twin 1"], ["twin 2"]], "conversions": [900, 100, 101]}
    )
    found = bootstrap_paths(paths, ["shapley"])
    assert dict(found.select("channel", "is_too_few_to_separate").iter_rows()) == {
        "big": False,
        "twin 1": True,
        "twin 2": True,
    }


def test_a_handful_of_conversions_is_flagged_whatever_they_say() -> None:
    paths = pl.DataFrame({"path": [["a"], ["b"]], "conversions": [25, 1]})
    assert bootstrap_paths(paths, ["shapley"])["is_too_few_to_separate"].all()
    assert not bootstrap_paths(paths, ["shapley"], min_conversions=20)[
        "is_too_few_to_separate"
    ].any()


def test_no_conversions_have_intervals_of_nothing() -> None:
    paths = pl.DataFrame({"path": [["a"], ["b"]], "conversions": [0, 0], "nulls": [3, 4]})
    found = bootstrap_paths(paths, PATH_MODELS, replicates=20)
    assert found.select(pl.col("^conversions.*$").sum()).row(0) == (0.0, 0.0, 0.0)
    assert found["is_too_few_to_separate"].all()


@pytest.mark.parametrize(
    ("options", "says"),
    [({"replicates": 5}, "at least 20"), ({"level": 1.0}, "between 0 and 1")],
)
def test_an_option_that_means_nothing_is_refused(options: dict, says: str) -> None:
    with pytest.raises(InvalidJourneys, match=says):
        intervals(**options)


def test_a_plot_shows_every_model_and_hatches_what_cannot_be_separated() -> None:
    figure = plot_credit(intervals(models=["markov_1", "shapley"]))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["markov_1", "shapley"]
    assert len(axes.get_xticks()) == 5
    with pytest.raises(InvalidJourneys, match="no row"):
        plot_credit(credit_paths(PATHS, []))
