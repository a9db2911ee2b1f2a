"""Whatever order and batches events arrive in: what the oracle says, what a full build says."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import empty_tables, engine
from tests.market.model import Event, at
from tests.market.stitching import expected, hashes, land_and_stitch, rows, stitch

T = at("2026-03-10T12:00:00")
LIMIT = 4


@st.composite
def app_events(draw: st.DrawFn) -> list[Event]:
    """Events of one app whose few ids meet in every way, clumsy ones among them."""
    small = st.integers(0, 5)
    found = []
    for number in range(draw(st.integers(1, 9))):
        device = draw(st.sampled_from(["", "v0", "v1", "v2", "v3", "x"]))
        idfa = draw(st.sampled_from(["", "", "i0", "i1"]))
        anonymous = draw(st.sampled_from(["", "a0", "a1", "a2", "x", "null", "u0", " a0"]))
        user = draw(st.sampled_from(["", "", "u0", "u1", "w@x.de", "0"]))
        key = device or idfa or anonymous or f"message:{number}"
        found.append(
            Event(
                message_id=f"m{number}",
                occurred_at=T + draw(small),
                received_at=T + 10 + draw(small),
                device_key=key,
                device_id=device,
                idfv=device,
                idfa=idfa,
                anonymous_id=anonymous,
                user_id=user,
                platform="ios" if device or idfa else "web",
                context={"device": {"oaid": draw(st.sampled_from(["", "", "o1"]))}},
            )
        )
    return found


@pytest.mark.timeout(300)
@settings(
    max_examples=2,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.lists(app_events(), min_size=20, max_size=30),
    st.integers(2, 3),
    st.integers(0, 2**32),
)
def test_the_result_is_a_function_of_the_events(
    apps: list[list[Event]], batch_count: int, seed: int
) -> None:
    warehouse = engine()
    rng = random.Random(seed)
    events = [
        replace(event, app_id=f"app{number}") for number, own in enumerate(apps) for event in own
    ]

    def arrive(count: int) -> None:
        empty_tables(warehouse)
        rng.shuffle(events)
        land_and_stitch(warehouse, (events[number::count] for number in range(count)), LIMIT)

    arrive(batch_count)
    said = {app_id: one.rows for app_id, one in expected(events, LIMIT).items() if one.rows}
    assert rows(warehouse) == said
    once = hashes(warehouse)
    stitch(warehouse, LIMIT, is_full=True)
    assert hashes(warehouse) == once
    arrive(1)
    assert hashes(warehouse) == once
