"""Journeys for tests: published ones, and strategies that make them up."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tests.credit.oracle import Row

FIXTURES = Path(__file__).parents[1] / "fixtures" / "credit"

# Names of internal states, other alphabets, blanks within and separators: all are mere names.
CHANNELS = ("a", "b", "(start)", "(conversion)", "(null)", "(direct)", "e > f", "ü✓", "A,\x1f")


def vectors() -> list[dict[str, Any]]:
    """Return the published journeys with the answers of their authors."""
    found: list[dict[str, Any]] = json.loads((FIXTURES / "vectors.json").read_text("utf-8"))
    return found


def path_table() -> pl.DataFrame:
    """Return 1,037 published journeys, added up by path, the paths as text."""
    return pl.read_csv(FIXTURES / "dsearle90" / "path_table.csv").rename(
        {"total_conversions": "conversions", "total_null": "nulls"}
    )


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Return rows as `credit_paths` wants them."""
    return pl.DataFrame(
        [
            {"path": list(path), "conversions": conversions, "value": value, "nulls": nulls}
            for path, conversions, value, nulls in rows
        ],
        schema={
            "path": pl.List(pl.String),
            "conversions": pl.Int64,
            "value": pl.Int64,
            "nulls": pl.Int64,
        },
    )


@st.composite
def rows(draw: st.DrawFn, channels: int = 4, length: int = 5, most: int = 8) -> list[Row]:
    """Make up some paths with counts; a path may come several times, and none may convert."""
    names = draw(st.permutations(CHANNELS))[:channels]
    paths = st.lists(st.sampled_from(names), min_size=1, max_size=length)
    found = []
    for path in draw(st.lists(paths, min_size=1, max_size=most)):
        conversions = draw(st.integers(0, 5))
        value = draw(st.integers(1, 90)) if conversions else 0
        found.append((tuple(path), conversions, value, draw(st.integers(0, 5))))
    return found
