"""The same journeys through two packages of others.

`channelattribution` simulates its Markov chain: with ten million walks it comes within 0.5 % of
the exact answer for channels of more than 1 % share. Its walks must be given room: cut at the
longest observed path, its default, they lose the conversions of longer ones.
`marketing-attribution-models` shares the Markov credit out path by path, in proportion to the
removal effects of the touches on it; `credit_touches` states the same rule.
"""

import warnings
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.credit.journeys import path_table
from unmogrowp.attribution import credit_paths, credit_touches, sum_by_channel
from unmogrowp.attribution.credit.journeys import journeys_of
from unmogrowp.attribution.credit.markov import removal_effects

with warnings.catch_warnings():
    # Both are as noisy as they like while they are imported.
    warnings.simplefilter("ignore")
    import ChannelAttribution
    import mam

TABLE = path_table()
PATHS = TABLE.with_columns(pl.col("path").str.split(" > "))
WALKS = 1e7
RULES = {
    "first": "run_first_click",
    "last": "run_last_click",
    "linear": "run_linear",
    "position_based": "run_position_based",
}


def ours(model: str) -> dict[str, float]:
    return dict(credit_paths(PATHS, [model]).select("channel", "conversions").iter_rows())


def journeys_for_mam() -> mam.MAM:
    led = TABLE.select("path", pl.col("conversions").alias("occurrences"), converted=True)
    lost = TABLE.select("path", pl.col("nulls").alias("occurrences"), converted=False)
    return mam.MAM(
        pl.concat([led, lost]).filter(pl.col("occurrences") > 0),
        format_type="grouped_journey",
        channels_colname="path",
        journey_with_conv_colname="converted",
    )


def of_mam(result: mam.AttributionResult) -> dict[str, float]:
    return {str(name): float(part) for name, part in result.to_polars().iter_rows()}


def test_rule_models_are_those_of_channelattribution() -> None:
    theirs = ChannelAttribution.heuristic_models(
        TABLE.to_pandas(), "path", "conversions", sep=">", flg_pro=False
    )
    for model, column in (
        ("first", "first_touch"),
        ("last", "last_touch"),
        ("linear", "linear_touch"),
    ):
        expected = dict(zip(theirs["channel_name"], theirs[column], strict=True))
        assert ours(model) == pytest.approx(expected, rel=1e-9), model


@pytest.mark.parametrize("order", [1, 2, 3])
def test_markov_is_what_channelattribution_simulates(order: int) -> None:
    theirs = ChannelAttribution.markov_model(
        TABLE.to_pandas(), "path", "conversions", var_null="nulls", order=order, sep=">",
        nsim_start=WALKS, max_step=10_000, seed=1, verbose=False, flg_pro=False,
    )  # fmt: skip
    exact = ours(f"markov_{order}")
    assert min(exact.values()) > 0.01 * sum(exact.values())
    simulated = dict(zip(theirs.iloc[:, 0], theirs.iloc[:, 1], strict=True))
    assert simulated == pytest.approx(exact, rel=0.005)
    assert sum(exact.values()) == pytest.approx(245, abs=1e-9)


@pytest.mark.parametrize("model", RULES)
def test_rule_models_are_those_of_marketing_attribution_models(model: str) -> None:
    theirs = of_mam(getattr(journeys_for_mam(), RULES[model])())
    exact = ours(model)
    assert dict.fromkeys(exact, 0.0) | theirs == pytest.approx(exact, rel=1e-9)


def test_removal_effects_are_those_of_marketing_attribution_models() -> None:
    theirs = journeys_for_mam().run_markov().metadata["removal_effect"]["removal_effect"]
    journeys = journeys_of(PATHS)
    exact = dict(zip(journeys.channels, removal_effects(journeys, 1), strict=True))
    assert dict(theirs) == pytest.approx(exact, rel=1e-9)


def with_times() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the journeys as touches, a day and some hours apart, the last at the conversion."""
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    led = PATHS.select("path", count="conversions", converted=True)
    lost = PATHS.select("path", count="nulls", converted=False)
    people = (
        pl.concat([led, lost])
        .select(pl.col("path", "converted").repeat_by("count"))
        .explode("path", "converted", empty_as_null=False)
        .with_row_index("person")
        .with_columns(person_id=pl.format("p{}", "person"))
    )
    touches = people.explode("path").select(
        "person_id",
        "converted",
        pl.col("path").alias("channel"),
        touch_at=noon
        - timedelta(hours=31) * (pl.len() - 1 - pl.int_range(pl.len())).over("person_id"),
    )
    conversions = people.filter("converted").select(
        "person_id", conversion_id="person_id", converted_at=noon
    )
    return touches, conversions


def test_touches_with_times_get_what_marketing_attribution_models_gives() -> None:
    touches, conversions = with_times()
    journeys = mam.MAM(
        touches,
        format_type="session",
        channels_colname="channel",
        journey_with_conv_colname="converted",
        datetime_colname="touch_at",
        user_id_colname="person_id",
    )
    exact = sum_by_channel(
        credit_touches(touches, conversions, ["time_decay", "markov_1"], lookback_days=60)
    )
    for model, theirs in (
        ("time_decay", journeys.run_time_decay(half_life_hours=168)),
        ("markov_1", journeys.run_markov()),
    ):
        expected = dict(
            exact.filter(pl.col("model") == model).select("channel", "conversions").iter_rows()
        )
        assert of_mam(theirs) == pytest.approx(expected, rel=1e-9), model
