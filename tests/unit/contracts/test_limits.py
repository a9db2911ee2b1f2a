import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.contracts.limits import has_more_items_than, is_deeper_than


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((depth_of(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(inner) for inner in value), default=0)
    return 0


values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}",:\\ab'),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet='[]{}",\\a'), inner, max_size=3)
    ),
    max_leaves=30,
)


@given(values, st.integers(0, 8))
def test_depth_is_that_of_the_decoded_value(value: Any, limit: int) -> None:
    assert is_deeper_than(json.dumps(value).encode(), limit) == (depth_of(value) > limit)


@given(st.lists(values, max_size=12), st.integers(1, 12))
def test_items_are_counted_as_the_decoded_list_has_them(items: list[Any], limit: int) -> None:
    body = json.dumps({"a": 1, "batch": items, "z": [1]}).encode()
    assert has_more_items_than(body, limit) == (len(items) > limit)


@pytest.mark.parametrize(("count", "expected"), [(9, False), (10, False), (11, True)])
def test_the_limit_itself_is_allowed(count: int, expected: bool) -> None:
    assert has_more_items_than(json.dumps({"batch": [1] * count}).encode(), 10) == expected


def test_arrays_side_by_side_are_not_added_up() -> None:
    assert not has_more_items_than(json.dumps({"a": [1] * 10, "b": [1] * 10}).encode(), 10)
