"""Definitions as data: what they refuse, and what their hash depends on."""

import pytest
from pydantic import ValidationError

from unmogrowp.attribution.journey_definitions import (
    DEFAULT_JOURNEYS,
    INSTALLS,
    Conversion,
    ConversionKind,
    JourneyDefinition,
)


def test_default_definitions_have_ids_and_models_of_their_own() -> None:
    names = [one.model_id(model) for one in DEFAULT_JOURNEYS for model in one.models]
    assert len(set(names)) == len(names)
    assert "installs.markov_1" in names


def test_a_definition_survives_json() -> None:
    for one in DEFAULT_JOURNEYS:
        assert JourneyDefinition.model_validate_json(one.model_dump_json()) == one


def test_the_hash_changes_with_every_field_that_decides() -> None:
    changed = [
        INSTALLS.model_copy(update=update)
        for update in (
            {"lookback_ms": 60_000},
            {"lookback_steps": 3},
            {"transforms": ("exposure",)},
            {"position_weights": (0.3, 0.4, 0.3)},
            {"seed": 1},
            {"version": 2},
        )
    ]
    assert len({one.config_hash for one in [INSTALLS, *changed]}) == 7
    assert INSTALLS.config_hash == INSTALLS.model_copy().config_hash


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"journey_id": "Not An Id"}, "pattern"),
        ({"models": ()}, "at least 1"),
        ({"models": ("last", "last")}, "stands twice"),
        ({"models": ("markov_9",)}, "Input should be"),
        ({"transforms": ("shuffle",)}, "unknown transform"),
        ({"position_weights": (1, 1, 1)}, "add up to 1"),
        ({"lookback_ms": 91 * 86_400_000}, "less than or equal"),
        ({"replicates": 1}, "greater than or equal"),
        ({"conversion": {"kind": "event"}}, "names at least one event"),
        ({"conversion": {"kind": "revenue"}}, "names its currency"),
        ({"conversion": {"kind": "revenue", "currency": "usd"}}, "pattern"),
        ({"conversion": {"kind": "install", "event_names": ["x"]}}, "neither event names"),
        ({"unknown": 1}, "Extra inputs"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused(update: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        JourneyDefinition.model_validate({**INSTALLS.model_dump(), **update})


def test_rule_and_algorithmic_models_are_told_apart() -> None:
    assert INSTALLS.rule_models == (
        "first", "last", "last_non_direct", "linear", "position_based", "time_decay",
    )  # fmt: skip
    assert INSTALLS.algorithmic_models == ("markov_1", "markov_2", "shapley")
    assert Conversion(kind=ConversionKind.INSTALL).install_kinds == ("install",)
