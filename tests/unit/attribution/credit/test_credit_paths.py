"""What `credit_paths` takes, what it refuses, and cases where tools of the field differ."""

import numpy as np
import polars as pl
import pytest

from unmogrowp.attribution import InvalidJourneys, credit_paths, shapley_values
from unmogrowp.attribution.credit import PATH_MODELS

INTERNAL = ["(start)", "(conversion)", "(null)"]


def paths(*rows: tuple[str, float, float], value: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "path": [row[0].split(" > ") for row in rows],
            "conversions": [row[1] for row in rows],
            "nulls": [row[2] for row in rows],
            "value": [value * row[1] for row in rows],
        }
    )


def credit(frame: pl.DataFrame, model: str, **options: object) -> dict[str, float]:
    found = credit_paths(frame, [model], **options)  # type: ignore[arg-type]
    return dict(found.select("channel", "conversions").iter_rows())


def test_every_channel_is_named_for_every_model_in_the_order_asked_for() -> None:
    frame = paths(("b > a", 2, 1), ("c", 0, 5))
    found = credit_paths(frame, ["last", "markov_1", "first"])
    assert found.columns == ["model", "channel", "conversions", "value"]
    assert found["model"].unique(maintain_order=True).to_list() == ["last", "markov_1", "first"]
    assert found["channel"].to_list() == ["a", "b", "c"] * 3


def test_value_and_nulls_may_be_left_out() -> None:
    frame = pl.DataFrame({"path": [["a", "b"], ["b"]], "conversions": [1, 2]})
    found = credit_paths(frame, PATH_MODELS)
    assert found["value"].sum() == 0
    assert found.group_by("model").agg(pl.col("conversions").sum())["conversions"].to_list() == (
        pytest.approx([3.0] * len(PATH_MODELS))
    )


def test_channels_named_like_internal_states_are_channels() -> None:
    frame = pl.DataFrame(
        {
            "path": [INTERNAL, INTERNAL[::-1], ["(null)"], ["(start)", "x"]],
            "conversions": [3, 1, 2, 0],
            "nulls": [1, 1, 4, 2],
        }
    )
    plain = frame.with_columns(
        pl.col("path").list.eval(pl.element().replace(dict(zip(INTERNAL, "abc", strict=True))))
    )
    names = dict(zip("abc", INTERNAL, strict=True))
    for model in PATH_MODELS:
        expected = {names.get(name, name): part for name, part in credit(plain, model).items()}
        assert credit(frame, model) == pytest.approx(expected, rel=1e-12), model


def test_channels_of_any_alphabet_are_sorted_by_code_point() -> None:
    frame = paths(("Ünïcode > 微信 > 👍", 1, 0))
    assert credit_paths(frame, ["linear"])["channel"].to_list() == ["Ünïcode", "微信", "👍"]


def test_no_conversions_give_no_credit_and_no_nan() -> None:
    found = credit_paths(paths(("a > b", 0, 7), ("b", 0, 0)), PATH_MODELS)
    assert found["conversions"].to_list() == [0.0] * (2 * len(PATH_MODELS))


def test_no_rows_give_no_rows() -> None:
    empty = pl.DataFrame(schema={"path": pl.List(pl.String), "conversions": pl.Int64})
    assert credit_paths(empty, PATH_MODELS).is_empty()


def test_journeys_that_do_not_convert_change_markov() -> None:
    with_nulls = credit(paths(("a > b", 5, 0), ("b", 1, 50), ("b > a", 1, 0)), "markov_1")
    without = credit(paths(("a > b", 5, 0), ("b", 1, 0), ("b > a", 1, 0)), "markov_1")
    assert with_nulls["b"] > without["b"] + 1


def test_a_path_of_a_million_touches_is_credited() -> None:
    long = ["a", "b"] * 500_000
    frame = pl.DataFrame({"path": [long, ["b"]], "conversions": [1, 1], "nulls": [1, 0]})
    for model in PATH_MODELS:
        found = credit(frame, model)
        assert sum(found.values()) == pytest.approx(2.0, rel=1e-9), model
    assert credit(frame, "linear") == pytest.approx({"a": 0.5, "b": 1.5}, rel=1e-9)


def test_repeats_count_for_linear_and_not_for_shapley() -> None:
    frame = paths(("a > a > b", 6, 0))
    assert credit(frame, "linear") == pytest.approx({"a": 4.0, "b": 2.0})
    assert credit(frame, "shapley") == pytest.approx({"a": 3.0, "b": 3.0})


def test_two_touches_share_half_and_half_and_one_takes_all() -> None:
    frame = paths(("a > b", 10, 0), ("c", 1, 0))
    assert credit(frame, "position_based") == pytest.approx({"a": 5.0, "b": 5.0, "c": 1.0})


def test_weights_of_the_middle_only_leave_two_touches_their_halves() -> None:
    frame = paths(("a > b", 2, 0), ("a > c > b", 3, 0))
    found = credit(frame, "position_based", position_weights=(0, 1, 0))
    assert found == pytest.approx({"a": 1.0, "b": 1.0, "c": 3.0})


def test_direct_gets_the_credit_only_where_nothing_else_is() -> None:
    frame = paths(("ads > (direct)", 2, 0), ("(direct) > (direct)", 1, 0), ("mail > ads", 4, 0))
    found = credit(frame, "last_non_direct")
    assert found == pytest.approx({"ads": 6.0, "(direct)": 1.0, "mail": 0.0})
    other = credit(frame, "last_non_direct", direct="ads")
    assert other == pytest.approx({"ads": 0.0, "(direct)": 3.0, "mail": 4.0})


def test_a_refund_lowers_the_value_and_not_the_conversions() -> None:
    frame = paths(("a", 1, 0), ("b", 1, 0)).with_columns(value=pl.Series([10.0, -4.0]))
    found = credit_paths(frame, ["last"])
    assert found["value"].to_list() == [10.0, -4.0]
    assert found["conversions"].to_list() == [1.0, 1.0]


def test_shapley_is_exact_for_any_number_of_channels() -> None:
    channels = [f"c{number:02}" for number in range(40)]
    frame = pl.DataFrame(
        {"path": [channels, channels[:1], channels[5:9]], "conversions": [40, 3, 8]}
    )
    found = credit(frame, "shapley")
    assert found["c00"] == pytest.approx(4.0, rel=1e-12)
    assert found["c05"] == pytest.approx(3.0, rel=1e-12)
    assert found["c39"] == pytest.approx(1.0, rel=1e-12)


def test_sampled_shapley_is_seeded_and_near_the_exact_value() -> None:
    frame = paths(("a > b", 5, 9), ("a", 2, 8), ("b > c", 6, 2), ("d", 1, 1), ("c > d > a", 3, 5))
    exact = credit(frame, "shapley_rate")
    options = {"shapley_max_exact": 2, "samples": 4_000}
    sampled = credit(frame, "shapley_rate", seed=1, **options)
    assert sampled == credit(frame, "shapley_rate", seed=1, **options)
    assert sampled != credit(frame, "shapley_rate", seed=2, **options)
    assert sampled == pytest.approx(exact, abs=0.3)
    assert sum(sampled.values()) == pytest.approx(17.0, rel=1e-9)


def test_sampled_values_of_a_game_lie_within_their_standard_errors() -> None:
    players = [f"p{number}" for number in range(14)]

    def worth(joined: frozenset[str]) -> float:
        return len(joined) ** 3 / 50 + 3.0 * {"p1", "p3", "p7"}.issubset(joined)

    exact = shapley_values(worth, players, max_exact=14)
    assert exact["standard_error"].to_list() == [0.0] * 14
    assert exact["value"].sum() == pytest.approx(worth(frozenset(players)))
    sampled = shapley_values(worth, players, samples=2_000, seed=3)
    assert sampled["value"].sum() == pytest.approx(worth(frozenset(players)))
    off = (sampled["value"] - exact["value"]).abs().to_numpy()
    assert np.all(off <= 5 * sampled["standard_error"].to_numpy() + 1e-9)
    assert sampled["standard_error"].max() > 0


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pl.DataFrame({"path": [["a"]]}), "missing column conversions"),
        (pl.DataFrame({"conversions": [1]}), "missing column path"),
        (pl.DataFrame({"path": ["a > b"], "conversions": [1]}), 'str.split(" > ")'),
        (pl.DataFrame({"path": [[1, 2]], "conversions": [1]}), "list of text"),
        (pl.DataFrame({"path": [["a"], []], "conversions": [1, 1]}), "empty list"),
        (pl.DataFrame({"path": [["a"], None], "conversions": [1, 1]}), "'path' is null"),
        (pl.DataFrame({"path": [["a", None]], "conversions": [1]}), "null channel"),
        (pl.DataFrame({"path": [["a", " "]], "conversions": [1]}), "blank name"),
        (pl.DataFrame({"path": [["a"]], "conversions": ["1"]}), "must hold numbers"),
        (pl.DataFrame({"path": [["a"]], "conversions": [-1]}), "'conversions' is negative"),
        (pl.DataFrame({"path": [["a"]], "conversions": [float("nan")]}), "not a finite number"),
        (pl.DataFrame({"path": [["a"]], "conversions": [float("inf")]}), "not a finite number"),
        (pl.DataFrame({"path": [["a"]], "conversions": [None]}), "'conversions' is null"),
        (
            pl.DataFrame({"path": [["a"]], "conversions": [1], "nulls": [-2]}),
            "'nulls' is negative (1 row, the first is 0)",
        ),
        (
            pl.DataFrame({"path": [["a"]], "conversions": [1], "value": [float("nan")]}),
            "'value' is not a finite number",
        ),
        (pl.DataFrame({"path": [["a"]], "conversions": [0], "value": [5]}), "not one conversion"),
        ([["a"]], "must be a polars DataFrame, not list"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_frame_that_cannot_be_credited_is_refused(frame: pl.DataFrame, says: str) -> None:
    with pytest.raises(InvalidJourneys) as refused:
        credit_paths(frame, ["last"])
    assert says in str(refused.value)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("models", "options", "says"),
    [
        (["markov_4"], {}, "unknown model 'markov_4'; there are first"),
        (["time_decay"], {}, "use credit_touches"),
        (["last", "last"], {}, "asked for twice"),
        ("last", {}, "['last']"),
        (["last"], {"position_weights": (0.5, 0.5)}, "three numbers"),
        (["last"], {"position_weights": (0.4, 0.4, 0.4)}, "add up to 1"),
        (["last"], {"position_weights": (1.2, -0.4, 0.2)}, "at least 0"),
    ],
)
def test_an_option_that_means_nothing_is_refused(models: list, options: dict, says: str) -> None:
    with pytest.raises(InvalidJourneys) as refused:
        credit_paths(paths(("a", 1, 0)), models, **options)
    assert says in str(refused.value)
