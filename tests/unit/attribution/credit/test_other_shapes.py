"""Journeys of shapes that our own examples do not have, through the packages of others.

The packages of others cannot take every name (`>` separates, `(start)` is a state), so they are
given numbers for names and their answers are given the names back.
"""

import math
import warnings
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unmogrowp.attribution import (
    InvalidJourneys,
    bootstrap_paths,
    credit_paths,
    credit_touches,
    sum_by_channel,
)
from unmogrowp.attribution.credit import PATH_MODELS, TOUCH_MODELS, shapley
from unmogrowp.attribution.credit.journeys import journeys_of
from unmogrowp.attribution.credit.markov import removal_effects

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ChannelAttribution
    import mam

# Names that are words of models, of formats, or of nobody's alphabet.
ODD_NAMES = (
    "(start)", "(conversion)", "(null)", "(none)", "null", "None", "nan", "NaN", "0", "-1", "true",
    ">", " > ", "a > b", ",", "a,b", "|", "\x1f", "\t|", "'", '"', "\\", "(direct)", "direct",
    "Straße", "strasse", "STRASSE", "ß", "\u0131", "\u0130", "é", "e\u0301", "検索", "بحث",
    "🛒", "🧑\u200d🚀", "mail", " mail", "mail ", "Mail", "x" * 500,
)  # fmt: skip
Rows = list[tuple[list[int], int, float, int]]


@st.composite
def shapes(draw: st.DrawFn) -> tuple[list[str], Rows]:
    """Return names, and paths as their places, with conversions, value and nulls."""
    count = draw(st.sampled_from([1, 1, 2, 5, 12, 13, 30]))
    names = draw(st.lists(st.sampled_from(ODD_NAMES), min_size=count, max_size=count, unique=True))
    longest = draw(st.sampled_from([1, 2, 4, 40, 400]))
    largest = draw(st.sampled_from([1, 3, 10**6, 10**12]))
    path = st.lists(st.integers(0, count - 1), min_size=1, max_size=longest)
    found: Rows = []
    for steps in draw(st.lists(path, min_size=1, max_size=12, unique_by=tuple)):
        conversions = draw(st.integers(0, largest))
        value = draw(st.floats(0, 1e9)) if conversions else 0.0
        found.append((steps, conversions, value, draw(st.integers(0, largest))))
    return names, found


def frame(names: list[str], rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(
        [([names[step] for step in path], *counts) for path, *counts in rows],
        schema={
            "path": pl.List(pl.String), "conversions": pl.Int64, "value": pl.Float64,
            "nulls": pl.Int64,
        },
        orient="row",
    )  # fmt: skip


def text(rows: Rows) -> pl.DataFrame:
    """Return the same with numbers for names, as others want it."""
    return pl.DataFrame(
        [(" > ".join(f"c{step:02}" for step in path), *counts) for path, *counts in rows],
        schema={
            "path": pl.String, "conversions": pl.Int64, "value": pl.Float64, "nulls": pl.Int64,
        },
        orient="row",
    )  # fmt: skip


def credit(names: list[str], rows: Rows, model: str, measure: str) -> dict[str, float]:
    return dict(credit_paths(frame(names, rows), [model]).select("channel", measure).iter_rows())


def named(names: list[str], theirs: dict[str, float], ours: dict[str, float]) -> dict[str, float]:
    """Give the answers of others the names back; a channel they leave out gets nothing."""
    return dict.fromkeys(ours, 0.0) | {names[int(one[1:])]: part for one, part in theirs.items()}


@given(shapes())
@settings(max_examples=40, deadline=None)
@example((["(start)"], [([0], 5, 2.5, 0)]))
@example((["null"], [([0] * 5_000, 1, 1.0, 0), ([0], 0, 0.0, 10**12)]))
def test_rule_models_are_those_of_channelattribution(made: tuple[list[str], Rows]) -> None:
    names, rows = made
    if not sum(row[1] for row in rows):
        return
    theirs = ChannelAttribution.heuristic_models(
        text(rows).to_pandas(), "path", "conversions", var_value="value", sep=">", flg_pro=False
    )
    for model, column in (
        ("first", "first_touch"),
        ("last", "last_touch"),
        ("linear", "linear_touch"),
    ):
        for measure in ("conversions", "value"):
            ours = credit(names, rows, model, measure)
            found = dict(zip(theirs["channel_name"], theirs[f"{column}_{measure}"], strict=True))
            assert ours == pytest.approx(named(names, found, ours), rel=1e-9, abs=1e-9), model


def journeys_for_mam(rows: Rows) -> mam.MAM:
    table = text(rows)
    led = table.select("path", pl.col("conversions").alias("occurrences"), converted=True)
    lost = table.select("path", pl.col("nulls").alias("occurrences"), converted=False)
    return mam.MAM(
        pl.concat([led, lost]).filter(pl.col("occurrences") > 0),
        format_type="grouped_journey",
        channels_colname="path",
        journey_with_conv_colname="converted",
    )


@given(shapes())
@settings(max_examples=25, deadline=None)
@example((["(conversion)", "(null)"], [([0, 1, 0], 3, 1.0, 0), ([1], 0, 0.0, 7)]))
def test_removal_effects_are_those_of_marketing_attribution_models(
    made: tuple[list[str], Rows],
) -> None:
    names, rows = made
    if not sum(row[1] for row in rows):
        return
    journeys = journeys_of(frame(names, rows))
    ours = dict(zip(journeys.channels, removal_effects(journeys, 1), strict=True))
    theirs = journeys_for_mam(rows).run_markov().metadata["removal_effect"]["removal_effect"]
    assert ours == pytest.approx(named(names, dict(theirs), ours), rel=1e-6, abs=1e-9)


@given(shapes())
@settings(max_examples=60, deadline=None)
@example((list(ODD_NAMES[:30]), [(list(range(30)), 1, 1.0, 0), ([29], 0, 0.0, 1)]))
@example((["a", "b"], [([0, 1], 0, 0.0, 95_615_532), ([1], 3, 1.0, 0)]))
def test_every_model_shares_out_exactly_what_there_is(made: tuple[list[str], Rows]) -> None:
    names, rows = made
    paths = frame(names, rows)
    conversions, value = float(paths["conversions"].sum()), float(paths["value"].sum())
    found = credit_paths(paths, PATH_MODELS, samples=50)
    used = {name for path in paths["path"].to_list() for name in path}
    for (model,), part in found.group_by("model"):
        assert set(part["channel"]) == used
        for credited, total in ((part["conversions"], conversions), (part["value"], value)):
            # Where none is negative the parts add up to the total. Rates over billions of journeys
            # make parts of +-50 million out of 3 conversions, and cancel to the last digits.
            size = max(1.0, credited.abs().sum())
            assert credited.sum() == pytest.approx(total, rel=0, abs=1e-9 * size), model
        if model != "shapley_rate":
            assert min(part["conversions"]) >= 0


@given(shapes())
@settings(max_examples=30, deadline=None)
def test_names_mean_nothing(made: tuple[list[str], Rows]) -> None:
    names, rows = made
    plain = [f"c{place:02}" for place in range(len(names))]
    for model in ("last_non_direct", "markov_1", "markov_2", "markov_3", "shapley"):
        ours = credit(names, rows, model, "conversions")
        if model == "last_non_direct" and "(direct)" in names:
            continue
        expected = credit(plain, rows, model, "conversions")
        assert ours == pytest.approx(named(names, expected, ours), rel=1e-9, abs=1e-9), model


@given(shapes())
@settings(max_examples=20, deadline=None)
def test_shapley_values_are_the_same_marked_and_sorted(made: tuple[list[str], Rows]) -> None:
    # So many paths and channels that they are sorted are too many for a test.
    names, rows = made
    marked = credit_paths(frame(names, rows), ["shapley"])
    before = shapley.MARKABLE
    try:
        shapley.MARKABLE = 0
        assert credit_paths(frame(names, rows), ["shapley"]).equals(marked)
    finally:
        shapley.MARKABLE = before


@pytest.mark.parametrize("model", PATH_MODELS)
def test_thirty_channels_on_a_path_of_ten_thousand_touches(model: str) -> None:
    names = [f"channel {n}" for n in range(30)]
    steps = [(n * n + n // 7) % 30 for n in range(10_000)]
    rows: Rows = [(steps, 2, 7.0, 1), (steps[::-1], 1, 0.0, 0), ([3], 4, 1.0, 900)]
    found = credit_paths(frame(names, rows), [model], samples=50)
    assert found["conversions"].sum() == pytest.approx(7, abs=1e-9)
    assert found["value"].sum() == pytest.approx(8, abs=1e-9)


@pytest.mark.parametrize("model", PATH_MODELS)
def test_without_a_conversion_there_is_nothing_to_share_out(model: str) -> None:
    found = credit_paths(frame(["a", "b"], [([0, 1], 0, 0.0, 5), ([1], 0, 0.0, 0)]), [model])
    assert found["channel"].to_list() == ["a", "b"]
    assert found["conversions"].to_list() == found["value"].to_list() == [0.0, 0.0]


@pytest.mark.parametrize("model", PATH_MODELS)
@pytest.mark.parametrize("count", [2**53, 10**17, 9 * 10**18])
def test_counts_of_any_size_are_shared_out(model: str, count: int) -> None:
    rows: Rows = [([0, 1], count, 1e15, count), ([1], 1, 1.0, 0)]
    found = credit_paths(frame(["a", "b"], rows), [model])
    assert found["conversions"].sum() == pytest.approx(float(count), rel=1e-9)
    assert all(math.isfinite(one) for one in found["value"])


def test_intervals_of_counts_that_no_generator_draws() -> None:
    paths = pl.DataFrame(
        {
            "path": [["a", "b"], ["b"], ["c"]],
            "conversions": [1e20, 5e19, 3.0],
            "nulls": [1e21, 0, 9],
        }
    )
    found = bootstrap_paths(paths, ["linear", "markov_1"], replicates=20)
    assert (found["conversions_low"] <= found["conversions"]).all()
    assert found["conversions"].sum() == pytest.approx(2 * 1.5e20, rel=1e-9)


@pytest.mark.parametrize("model", ["linear", "markov_1", "shapley"])
def test_value_on_a_path_that_did_not_convert_stays_in_every_draw(model: str) -> None:
    """A refund, or value booked later: the draws share out what the observation shares out."""
    paths = pl.DataFrame(
        {"path": [["a"], ["b"]], "conversions": [400, 0], "value": [400.0, 400.0], "nulls": [9, 9]}
    )
    found = bootstrap_paths(paths, [model], replicates=40)
    assert found["value"].sum() == pytest.approx(800)
    if model != "markov_1":  # its effects come from counts
        for low, value, high in found.select("value_low", "value", "value_high").iter_rows():
            assert 300 < low <= value <= high < 500


def test_value_without_any_conversion_is_refused_by_name() -> None:
    with pytest.raises(InvalidJourneys, match="'value' holds value, but there is not one"):
        credit_paths(frame(["a"], [([0], 0, 5.0, 1)]))


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0", "\u3000"])
def test_a_channel_without_a_name_is_refused(blank: str) -> None:
    with pytest.raises(InvalidJourneys, match="blank name"):
        credit_paths(frame([blank], [([0], 1, 1.0, 0)]))


@given(shapes(), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_touches_with_times_get_what_their_paths_get(
    made: tuple[list[str], Rows], step_us: int
) -> None:
    names, rows = made
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    touches, conversions, counted = [], [], []
    for person, (path, count, value, _) in enumerate(rows):
        # Equal instants are put in the order of channels, so every touch has its own.
        times = [noon - timedelta(microseconds=(step_us + 1) * age) for age in range(len(path))]
        touches += [
            (person, names[step], at) for step, at in zip(path, reversed(times), strict=True)
        ]
        if count:
            conversions.append((person, person, noon, value))
        counted.append((path, min(count, 1), value, 0 if count else 1))
    seen = pl.DataFrame(touches, schema=["person_id", "channel", "touch_at"], orient="row")
    sold = pl.DataFrame(
        conversions,
        schema={
            "conversion_id": pl.Int64, "person_id": pl.Int64,
            "converted_at": pl.Datetime("us", "UTC"), "value": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    found = credit_touches(seen, sold, TOUCH_MODELS, untouched="nobody")
    for (_, conversion), part in found.group_by("model", "conversion_id"):
        assert part["credit"].sum() == pytest.approx(1, abs=1e-9), conversion
    by_channel = sum_by_channel(found)
    for model in ("first", "last", "last_non_direct", "linear", "position_based", "shapley"):
        ours = dict(
            by_channel.filter(pl.col("model") == model).select("channel", "value").iter_rows()
        )
        expected = credit(names, counted, model, "value")
        assert dict.fromkeys(expected, 0.0) | ours == pytest.approx(expected, rel=1e-9, abs=1e-9)
