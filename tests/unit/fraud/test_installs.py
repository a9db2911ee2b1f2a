"""Rules about decided installs: edges, silence without a baseline, the median publisher."""

from dataclasses import replace

import pytest

from unmogrowp.fraud.installs import (
    InstallSignals,
    judge_installs,
    shortest_usual_ctit_ms,
)
from unmogrowp.fraud.publishers import AppBaseline, PublisherCounts
from unmogrowp.fraud.statistics import BINS, bin_of, bin_start_ms
from unmogrowp.rulesets import FraudRule
from unmogrowp.rulesets.fraud_rules import fraud_rule

QUIET = InstallSignals("app", "i1", "net", "site", 0, 0, 0, None)


def publisher(site_id: str, times: dict[int, int]) -> PublisherCounts:
    return PublisherCounts(
        "app", "net", site_id,
        ctit_count=sum(times.values()),
        ctit_bins=tuple(times.get(place, 0) for place in range(BINS)),
    )  # fmt: skip


def frozen(*publishers: PublisherCounts, p999: float = 5.0) -> dict[str, AppBaseline]:
    return {"app": AppBaseline("app", "b1", publishers, {0.999: p999})}


def judged(signals: InstallSignals, baselines, rule: str, **fields: object):
    return judge_installs([signals], baselines, [FraudRule(rule_id=rule, **fields)])


@pytest.mark.parametrize(("events", "fires"), [(59, False), (60, False), (61, True)])
def test_sixty_events_in_a_minute_are_not_too_many(events, fires):
    found = judged(replace(QUIET, events_per_minute=events), {}, "event_velocity", version=2)
    assert bool(found) == fires
    if fires:
        assert found[0].sentence == "The device sent 61 events in one minute (suspicious above 60)."
        assert (found[0].scope, found[0].install_id, found[0].baseline_id) == ("install", "i1", "")


@pytest.mark.parametrize(("events", "fires"), [(2, False), (3, False), (4, True)])
def test_nobody_does_one_thing_four_times_in_a_second(events, fires):
    found = judged(replace(QUIET, same_event_per_second=events), {}, "event_velocity", version=2)
    assert [one.sentence for one in found] == fires * [
        "The device sent 4 events of one name in one second (suspicious above 3)."
    ]


def test_a_device_that_is_too_fast_both_ways_is_named_once():
    fast = replace(QUIET, events_per_minute=70, same_event_per_second=9)
    found = judged(fast, {}, "event_velocity", version=2)
    assert [(one.parameter, one.value) for one in found] == [("max_per_minute", 70.0)]


def test_a_ruleset_that_asks_for_the_minute_alone_hears_nothing_of_seconds():
    fast = replace(QUIET, events_per_minute=9, same_event_per_second=9)
    limits = {"max_per_minute": 60}
    assert not judged(fast, {}, "event_velocity", version=2, parameters=limits)


@pytest.mark.parametrize(
    ("installs", "p999", "fires"),
    [
        (19, 5, False),
        (20, 5, False),
        (21, 5, True),
        (39, 40, False),
        (40, 40, False),
        (41, 40, True),
    ],
)
def test_a_network_is_dense_above_twenty_and_above_what_the_app_is_used_to(installs, p999, fires):
    signals = replace(QUIET, network_installs=installs)
    found = judged(signals, frozen(p999=p999), "ip_density", version=2)
    assert bool(found) == fires
    if fires:
        assert found[0].threshold == max(20, p999)
        assert (found[0].baseline_value, found[0].baseline_id) == (p999, "b1")


def test_without_a_baseline_a_dense_network_is_not_named():
    assert not judged(replace(QUIET, network_installs=500), {}, "ip_density", version=2)
    assert not judged(
        replace(QUIET, network_installs=500),
        frozen(),
        "ip_density",
        version=2,
        parameters={"percentile": 0.5},
    )


PUBLISHERS = (publisher("a", {50: 200}), publisher("b", {54: 200}), publisher("c", {30: 200}))


def test_the_usual_time_is_that_of_the_median_publisher():
    assert shortest_usual_ctit_ms(frozen(*PUBLISHERS)["app"], 0.01) == bin_start_ms(50)


def test_publishers_with_few_installs_do_not_say_what_is_usual():
    assert shortest_usual_ctit_ms(frozen(publisher("a", {50: 99}))["app"], 0.01) is None
    assert shortest_usual_ctit_ms(frozen(publisher("a", {50: 100}))["app"], 0.01) is not None


@pytest.mark.parametrize(("ctit_ms", "fires"), [(5792, True), (5793, False), (-1, False)])
def test_a_time_below_the_usual_one_is_flagged(ctit_ms, fires):
    # 2 ** (50 / 4) is 5,792.6.
    assert bin_of(5792) == 49
    found = judged(
        replace(QUIET, click_ctit_ms=ctit_ms), frozen(*PUBLISHERS), "click_injection.ctit_short"
    )
    assert bool(found) == fires


def test_what_blocks_at_the_candidate_is_not_said_again_of_the_install():
    signals = replace(QUIET, click_ctit_ms=1)
    found = judged(signals, frozen(*PUBLISHERS), "click_injection.ctit_short", mode="block")
    assert not found


def test_rules_that_are_off_or_about_something_else_are_silent():
    loud = replace(QUIET, network_installs=500, events_per_minute=500, click_ctit_ms=1)
    for rule in ("ip_density", "event_velocity", "click_injection.ctit_short"):
        version = fraud_rule(rule).version
        assert not judged(loud, frozen(*PUBLISHERS), rule, version=version, mode="off")
    assert not judged(loud, frozen(*PUBLISHERS), "mtti_outlier")
