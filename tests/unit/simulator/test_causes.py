"""The causal model against a brute-force version in plain Python."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.simulated import START, played
from unmogrowp.simulator.causes import NEVER, Organic, World
from unmogrowp.simulator.exposures import Exposures, Span
from unmogrowp.simulator.market import Behaviour, Market, Network, Publisher
from unmogrowp.simulator.shapes import MATURE_APP

CHANNELS = 3
SPAN = Span(0, 1)


def small_market(synergy: float, cap: int) -> Market:
    return Market(
        shape="small",
        description="",
        population=MATURE_APP.population,
        networks=tuple(
            Network(
                media_source=f"n{n}", campaigns=("c",), publishers=(Publisher(site_id=f"s{n}"),)
            )
            for n in range(CHANNELS)
        ),
        behaviour=Behaviour(synergy=synergy, synergy_cap=cap),
    )


@st.composite
def worlds(draw):
    people = draw(st.integers(1, 4))
    rows = sorted(
        draw(
            st.lists(
                st.tuples(
                    st.integers(0, people - 1),  # person
                    st.integers(0, 40),  # at
                    st.integers(0, CHANNELS - 1),
                    st.sampled_from([0.0, 0.1, 0.3, 1.0]),  # effect
                    st.sampled_from([0.05, 0.12, 0.2, 0.4, 0.9]),  # draw
                    st.integers(1, 60),  # delay
                ),
                max_size=9,
            )
        ),
        key=lambda row: row[:2],
    )
    organic = draw(st.lists(st.sampled_from([NEVER, 5, 30, 70]), min_size=people, max_size=people))
    return people, rows, organic, draw(st.sampled_from([0.0, 0.5, 1.0])), draw(st.integers(0, 2))


def installs_of(rows, organic, channels, synergy, cap):
    """Return per person the instant of install, or None, playing row after row."""
    found = {}
    for person, at in enumerate(organic):
        if at != NEVER:
            found[person] = at
    for index, (person, at, channel, effect, draw, delay) in enumerate(rows):
        if channel not in channels:
            continue
        helpers = sum(
            1
            for other in rows[:index]
            if other[0] == person and other[2] in channels and other[2] != channel
        )
        if draw < effect * (1 + synergy * min(helpers, cap)) and at + delay < SPAN.end_ms:
            found[person] = min(found.get(person, NEVER), at + delay)
    return found


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_causes_and_contributions_are_those_of_playing_every_world(world):
    _, rows, organic, synergy, cap = world
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    person, at, network = (columns[n].astype(np.int64) for n in range(3))
    opened = at + columns[5].astype(np.int64)
    exposures = Exposures(
        person, at, network, network, network, network >= 0, columns[3], columns[4], opened, opened
    )
    instants = np.array(organic, dtype=np.int64)
    causes = World(
        small_market(synergy, cap), SPAN, exposures, Organic(instants, instants)
    ).causes()

    everything = set(range(CHANNELS))
    real = installs_of(rows, organic, everything, synergy, cap)
    assert causes.person.tolist() == sorted(real)
    assert causes.opened_at.tolist() == [real[one] for one in sorted(real)]
    for bits, count in causes.installs_by_coalition.items():
        channels = {n for n in everything if bits >> n & 1}
        assert count == len(installs_of(rows, organic, channels, synergy, cap))
    orders = list(permutations(everything))
    for row, one in enumerate(causes.person.tolist()):
        for channel in everything:
            brought = 0
            for order in orders:
                before = set(order[: order.index(channel)])
                brought += one in installs_of(rows, organic, before | {channel}, synergy, cap)
                brought -= one in installs_of(rows, organic, before, synergy, cap)
            assert causes.part[row, channel] == pytest.approx(brought / len(orders))
            alone = installs_of(rows, organic, everything - {channel}, synergy, cap)
            assert causes.without[row, channel] == (one in alone)


@pytest.mark.parametrize("shape_name", ["mature_app", "fraud_heavy_launch"])
def test_parts_and_baseline_add_up_to_one_for_every_install(shape_name):
    causes = played(shape_name).causes
    np.testing.assert_allclose(causes.part.sum(axis=1) + causes.baseline, 1.0)
    assert (causes.part >= -1e-12).all()


def test_taking_a_channel_away_never_adds_installs():
    counts = played("mature_app").causes.installs_by_coalition
    for bits, count in counts.items():
        for channel in range(5):
            assert counts[bits & ~(1 << channel)] <= count


def test_the_cause_is_the_exposure_that_opened_the_app():
    market = played("mature_app")
    causes, exposures = market.causes, market.exposures
    caused = causes.exposure >= 0
    place = causes.exposure[caused]
    assert (exposures.person[place] == causes.person[caused]).all()
    assert (exposures.opened_at[place] == causes.opened_at[caused]).all()
    assert (causes.opened_at < START + 20 * 86_400_000).all()
