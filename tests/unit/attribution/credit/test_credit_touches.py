"""Journeys with times: which touches are on a path, and what each of them gets."""

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.credit import oracle
from unmogrowp.attribution import (
    InvalidJourneys,
    credit_paths,
    credit_touches,
    paths_from_touches,
    sum_by_channel,
)
from unmogrowp.attribution.credit import TOUCH_MODELS

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
DAYS = timedelta(days=1)
# (person, channel, days before noon)
Touch = tuple[str, str, float]
# (id, person, days before noon, value)
Conversion = tuple[str, str, float, int]


def touches_of(*touches: Touch) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": [one[0] for one in touches],
            "channel": [one[1] for one in touches],
            "touch_at": [NOON - one[2] * DAYS for one in touches],
        },
        schema={"person_id": pl.String, "channel": pl.String, "touch_at": TIME},
    )


def conversions_of(*conversions: Conversion) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "conversion_id": [one[0] for one in conversions],
            "person_id": [one[1] for one in conversions],
            "converted_at": [NOON - one[2] * DAYS for one in conversions],
            "value": [one[3] for one in conversions],
        },
        schema={
            "conversion_id": pl.String,
            "person_id": pl.String,
            "converted_at": TIME,
            "value": pl.Int64,
        },
    )


def credit(
    touches: pl.DataFrame, conversions: pl.DataFrame, model: str, **options: object
) -> list[tuple[str, float]]:
    found = credit_touches(touches, conversions, [model], **options)  # type: ignore[arg-type]
    return list(found.select("channel", "credit").iter_rows())


def test_a_touch_gets_half_of_what_one_gets_that_is_a_half_life_younger() -> None:
    touches = touches_of(("p", "old", 8), ("p", "new", 1))
    found = credit(touches, conversions_of(("c", "p", 0, 0)), "time_decay", half_life_days=7)
    assert dict(found) == pytest.approx({"old": 1 / 3, "new": 2 / 3}, rel=1e-12)


def test_decay_is_measured_from_the_conversion_and_is_continuous() -> None:
    touches = touches_of(("p", "a", 3.25), ("p", "b", 1.5), ("p", "c", 0.01))
    found = credit(touches, conversions_of(("c", "p", 0, 0)), "time_decay", half_life_days=2)
    weights = {name: 0.5 ** (age / 2) for name, age in (("a", 3.25), ("b", 1.5), ("c", 0.01))}
    total = sum(weights.values())
    assert dict(found) == pytest.approx({n: w / total for n, w in weights.items()}, rel=1e-9)


def test_decay_of_a_minute_over_a_year_is_a_number() -> None:
    touches = touches_of(("p", "a", 365), ("p", "b", 364))
    found = credit(
        touches, conversions_of(("c", "p", 0, 0)), "time_decay", half_life_days=1 / 1440,
        lookback_days=400,
    )  # fmt: skip
    assert dict(found) == {"a": 0.0, "b": 1.0}


@pytest.mark.parametrize(
    ("age", "is_in"),
    [
        (timedelta(0), True),
        (timedelta(days=30), True),
        (timedelta(days=30, microseconds=1), False),
        (timedelta(microseconds=-1), False),
    ],
    ids=["at the conversion", "exactly as old as the lookback", "older", "after the conversion"],
)
def test_both_ends_of_the_lookback_are_in(age: timedelta, is_in: bool) -> None:
    touches = pl.DataFrame(
        {"person_id": ["p"], "channel": ["a"], "touch_at": [NOON - age]},
        schema_overrides={"touch_at": TIME},
    )
    found = credit(touches, conversions_of(("c", "p", 0, 0)), "last")
    assert found == [("a" if is_in else "(none)", 1.0)]


def test_only_the_last_steps_count() -> None:
    touches = touches_of(*(("p", f"{days}", days) for days in (5, 4, 3, 2)))
    found = credit(touches, conversions_of(("c", "p", 0, 0)), "linear", lookback_steps=2)
    assert found == [("3", 0.5), ("2", 0.5)]


def test_a_conversion_without_a_touch_goes_to_a_channel_of_its_own() -> None:
    touches = touches_of(("somebody else", "a", 1))
    found = credit_touches(
        touches, conversions_of(("c", "p", 0, 7)), TOUCH_MODELS, untouched="organic"
    )
    assert found["model"].to_list() == list(TOUCH_MODELS)
    assert found["channel"].unique().to_list() == ["organic"]
    assert found["credit"].to_list() == [1.0] * len(TOUCH_MODELS)
    assert found["value"].to_list() == [7.0] * len(TOUCH_MODELS)
    assert found["position"].to_list() == [0] * len(TOUCH_MODELS)


def test_a_touch_is_on_the_path_of_every_conversion_after_it() -> None:
    touches = touches_of(("p", "a", 9), ("p", "b", 4))
    conversions = conversions_of(("first", "p", 5, 10), ("second", "p", 0, 20))
    found = credit_touches(touches, conversions, ["linear"])
    assert found.select("conversion_id", "channel", "value").rows() == [
        ("first", "a", 10.0),
        ("second", "a", 10.0),
        ("second", "b", 10.0),
    ]


def test_touches_of_one_instant_stand_in_the_order_of_their_channels() -> None:
    for order in (("b", "a"), ("a", "b")):
        touches = touches_of(*(("p", channel, 1) for channel in order))
        assert credit(touches, conversions_of(("c", "p", 0, 0)), "last")[1] == ("b", 1.0)


@pytest.mark.parametrize(
    ("transforms", "kept"),
    [
        ([], "d a a b d b"),
        (["all"], "d a a b d b"),
        (["exposure"], "d a b d b"),
        (["unique"], "a d b"),
        (["first"], "d a b"),
        (["remove_direct_unless_only"], "a a b b"),
        (["remove_direct_unless_only", "exposure"], "a b"),
        (["exposure", "remove_direct_unless_only"], "a b b"),
        (["trim_long_2"], "d b"),
        (["exposure", "trim_long_3"], "b d b"),
    ],
    ids=str,
)
def test_transforms_keep_touches(transforms: list[str], kept: str) -> None:
    path = ["d", "a", "a", "b", "d", "b"]
    touches = touches_of(*(("p", name, 9 - place) for place, name in enumerate(path)))
    # A path of its own that did not convert is transformed as well.
    lost = touches.with_columns(person_id=pl.lit("q"))
    paths = paths_from_touches(
        pl.concat([touches, lost]),
        conversions_of(("c", "p", 0, 0)),
        transforms=transforms,
        direct="d",
    )
    assert paths.rows() == [(kept.split(), 1.0, 0.0, 1.0)]


def test_direct_stays_where_it_is_all_there_is() -> None:
    touches = touches_of(("p", "d", 2), ("p", "d", 1))
    found = credit(
        touches, conversions_of(("c", "p", 0, 0)), "linear", direct="d",
        transforms=["remove_direct_unless_only"],
    )  # fmt: skip
    assert found == [("d", 0.5), ("d", 0.5)]


def test_touches_that_led_nowhere_are_paths_between_conversions() -> None:
    touches = touches_of(
        ("p", "too old", 90),
        ("p", "led", 61),
        ("p", "gap", 55),
        ("p", "also", 50),
        ("p", "after", 1),
        ("q", "never", 3),
    )
    conversions = conversions_of(("one", "p", 60, 5), ("two", "p", 10, 0))
    paths = paths_from_touches(touches, conversions, lookback_days=20)
    assert sorted(paths.filter(pl.col("nulls") > 0)["path"].to_list()) == [
        ["after"],
        ["gap", "also"],
        ["never"],
        ["too old"],
    ]
    assert sorted(paths.filter(pl.col("conversions") > 0)["path"].to_list()) == [
        ["(none)"],
        ["led"],
    ]


def test_markov_shares_a_conversion_by_the_removal_effects_on_its_path() -> None:
    touches = touches_of(("p", "a", 2), ("p", "b", 1), ("q", "b", 2), ("r", "a", 5), ("r", "b", 4))
    conversions = conversions_of(("c", "p", 0, 0), ("d", "q", 0, 0))
    effects = oracle.removal_effects(
        [(("a", "b"), 1, 0, 0), (("b",), 1, 0, 0), (("a", "b"), 0, 0, 1)], 1
    )
    found = credit_touches(touches, conversions, ["markov_1"])
    both = effects["a"] + effects["b"]
    assert found["credit"].to_list() == pytest.approx(
        [float(effects["a"] / both), float(effects["b"] / both), 1.0]
    )


MARKET = st.lists(
    st.tuples(st.sampled_from("pqr"), st.sampled_from(["a", "b", "(direct)"]), st.integers(0, 12)),
    max_size=14,
)
CONVERTED = st.lists(
    st.tuples(st.sampled_from("pqrs"), st.integers(0, 6), st.integers(0, 50)),
    min_size=1,
    max_size=5,
)


@given(MARKET, CONVERTED)
@settings(max_examples=60, deadline=None)
def test_credit_of_touches_is_the_rule_along_each_path(
    seen: list[tuple[str, str, int]], converted: list[tuple[str, int, int]]
) -> None:
    conversions = [
        (f"c{number}", person, days, value)
        for number, (person, days, value) in enumerate(converted)
    ]
    found = credit_touches(
        touches_of(*seen), conversions_of(*conversions), TOUCH_MODELS, lookback_days=5
    )
    for name, person, days, value in conversions:
        path = sorted(
            (-touch[2], touch[1]) for touch in seen if touch[0] == person
            and days <= touch[2] <= days + 5
        )  # fmt: skip
        channels = [channel for _, channel in path] or ["(none)"]
        for model in TOUCH_MODELS:
            rows = found.filter(pl.col("model") == model, pl.col("conversion_id") == name)
            assert rows["channel"].to_list() == channels
            assert math.isclose(rows["credit"].sum(), 1.0, abs_tol=1e-9)
            assert math.isclose(rows["value"].sum(), value, abs_tol=1e-9)
            if model == "time_decay":
                weights = [0.5 ** ((-ago - days) / 7) for ago, _ in path] or [1.0]
                expected = [weight / sum(weights) for weight in weights]
            elif model.startswith("markov"):
                continue
            else:
                expected = [float(share) for share in oracle.shares(channels, model)]
            assert rows["credit"].to_list() == pytest.approx(expected, abs=1e-9), model


@given(MARKET, CONVERTED)
@settings(max_examples=30, deadline=None)
def test_paths_of_touches_get_the_same_credit_added_up(
    seen: list[tuple[str, str, int]], converted: list[tuple[str, int, int]]
) -> None:
    touches = touches_of(*seen)
    conversions = conversions_of(*((f"c{number}", *one) for number, one in enumerate(converted)))
    models = ["first", "last", "last_non_direct", "linear", "position_based", "shapley"]
    added = sum_by_channel(credit_touches(touches, conversions, models))
    paths = paths_from_touches(touches, conversions)
    direct = credit_paths(paths, models)
    both = direct.join(added, on=["model", "channel"], how="left").fill_null(0.0)
    assert both["conversions_right"].to_list() == pytest.approx(both["conversions"].to_list())
    assert both["value_right"].to_list() == pytest.approx(both["value"].to_list())
    assert paths["conversions"].sum() == len(converted)


@pytest.mark.parametrize(
    ("touches", "conversions", "options", "says"),
    [
        (touches_of().drop("channel"), conversions_of(), {}, "touches: missing column channel"),
        (touches_of(), conversions_of().drop("converted_at"), {}, "missing column converted_at"),
        (
            touches_of(),
            conversions_of(("c", "p", 0, 1), ("c", "p", 1, 1)),
            {},
            "names a conversion twice (1 row, the first is 1)",
        ),
        (
            touches_of(("p", "a", 1)).with_columns(touch_at=pl.lit(5)),
            conversions_of(),
            {},
            "must be a Datetime",
        ),
        (
            touches_of(("p", "a", 1)).with_columns(pl.col("touch_at").dt.replace_time_zone(None)),
            conversions_of(),
            {},
            "time zone of conversions is UTC, that of touches None",
        ),
        (touches_of(("p", "", 1)), conversions_of(), {}, "blank name"),
        (touches_of(), conversions_of(), {"half_life_days": 0}, "half_life_days"),
        (touches_of(), conversions_of(), {"lookback_days": -1}, "lookback_days"),
        (touches_of(), conversions_of(), {"lookback_steps": -1}, "lookback_steps"),
        (touches_of(), conversions_of(), {"transforms": ["trim_long_0"]}, "unknown transform"),
        (touches_of(), conversions_of(), {"transforms": "all"}, "must be a list"),
        (touches_of(), conversions_of(), {"models": ["shapley_rate"]}, "unknown model"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_cannot_be_credited_is_refused(
    touches: pl.DataFrame, conversions: pl.DataFrame, options: dict, says: str
) -> None:
    with pytest.raises(InvalidJourneys) as refused:
        credit_touches(touches, conversions, **options)
    assert says in str(refused.value)


def test_nothing_in_nothing_out() -> None:
    found = credit_touches(touches_of(), conversions_of(), TOUCH_MODELS)
    assert found.is_empty()
    assert credit_touches(touches_of(), conversions_of(), []).columns == found.columns
