"""Rules about publishers: every threshold one below, exactly on, and one above its edge."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.fraud.distributions import judge_publishers
from unmogrowp.fraud.publishers import AppBaseline, PublisherCounts, Verdict
from unmogrowp.fraud.statistics import BINS
from unmogrowp.rulesets import FraudRule


def publisher(site_id: str, **counts: object) -> PublisherCounts:
    return PublisherCounts(app_id="app", media_source="net", site_id=site_id, **counts)


def with_times(site_id: str, times: dict[int, int], log_each: float = 3.0) -> PublisherCounts:
    """Installs by bin; the mean log time is given apart, so that it can be exact."""
    count = sum(times.values())
    return publisher(
        site_id,
        install_count=count,
        ctit_count=count,
        ctit_bins=tuple(times.get(place, 0) for place in range(BINS)),
        log_ctit_sum=log_each * count,
    )


def baseline(*publishers: PublisherCounts) -> AppBaseline:
    return AppBaseline("app", "frozen", publishers, {})


def fired(rule: str, samples, frozen: AppBaseline, **parameters: float) -> list[Verdict]:
    return judge_publishers(samples, frozen, [FraudRule(rule_id=rule, parameters=parameters)])


OTHERS = tuple(with_times(f"o{n}", {40: 100}) for n in range(6))


# Flat click to install times


@pytest.mark.parametrize(("elsewhere", "fires"), [(34, False), (35, False), (36, True)])
def test_a_distance_of_exactly_the_threshold_is_not_above_it(elsewhere, fires):
    sample = with_times("s", {40: 100 - elsewhere, 80: elsewhere})
    found = fired("click_flood.flat_ctit", [sample], baseline(*OTHERS))
    assert bool(found) == fires
    if fires:
        assert found[0].value == pytest.approx(0.36)
        assert (found[0].threshold, found[0].sample_count) == (0.35, 100)


@pytest.mark.parametrize(("installs", "fires"), [(49, False), (50, True), (51, True)])
def test_a_distribution_needs_fifty_installs(installs, fires):
    sample = with_times("s", {80: installs})
    assert bool(fired("click_flood.flat_ctit", [sample], baseline(*OTHERS))) == fires


def test_a_large_distance_that_many_publishers_could_have_by_chance_is_none():
    sample = with_times("s", {40: 31, 80: 19})
    same = [with_times(f"n{n}", {40: 50}) for n in range(400)]
    small = baseline(with_times("o", {40: 60}))
    assert fired("click_flood.flat_ctit", [sample], small)
    assert not fired("click_flood.flat_ctit", [sample, *same], small)


def test_a_publisher_is_never_compared_with_itself():
    flood = dict.fromkeys(range(60, 100), 10)
    alone = baseline(with_times("s", flood))
    assert not fired("click_flood.flat_ctit", [with_times("s", flood)], alone)
    small = baseline(with_times("s", {80: 10**6}), *OTHERS)
    assert fired("click_flood.flat_ctit", [with_times("s", {80: 100})], small)[0].value == 1


def test_tied_publishers_have_the_same_verdict():
    samples = [with_times(name, {80: 60}) for name in ("a", "b", "c")]
    found = fired("click_flood.flat_ctit", samples, baseline(*OTHERS))
    assert [one.site_id for one in found] == ["a", "b", "c"]
    assert len({(one.value, one.baseline_value) for one in found}) == 1


# Clicks per install


def clicking(site_id: str, clicks: int, installs: int) -> PublisherCounts:
    return publisher(site_id, click_count=clicks, install_count=installs)


USUAL = tuple(clicking(f"o{n}", 10_000, 10) for n in range(3))


@pytest.mark.parametrize(("clicks", "fires"), [(29_997, False), (30_000, False), (30_003, True)])
def test_ten_times_the_median_is_not_above_it(clicks, fires):
    sample = [clicking("s", clicks, 3)]
    found = fired("click_flood.cti", sample, baseline(*USUAL))
    assert bool(found) == fires


@pytest.mark.parametrize(("installs", "fires"), [(4, True), (5, False), (6, False)])
def test_a_conversion_of_exactly_the_threshold_is_not_below_it(installs, fires):
    cheap = baseline(*(clicking(f"o{n}", 1_000, 10) for n in range(3)))
    assert bool(fired("click_flood.cti", [clicking("s", 10_000, installs)], cheap)) == fires


@pytest.mark.parametrize(("clicks", "fires"), [(999, False), (1_000, True), (1_001, True)])
def test_a_publisher_needs_a_thousand_clicks(clicks, fires):
    cheap = baseline(*(clicking(f"o{n}", 100, 10) for n in range(3)))
    found = fired("click_flood.cti", [clicking("s", clicks, 0)], cheap)
    assert bool(found) == fires


def test_a_publisher_without_an_install_is_judged_as_if_it_had_one():
    found = fired("click_flood.cti", [clicking("s", 50_000, 0)], baseline(*USUAL))
    assert found[0].value == 50


def test_publishers_without_installs_or_clicks_say_nothing_of_what_is_usual():
    silent = baseline(clicking("a", 5_000, 0), clicking("b", 0, 7))
    assert not fired("click_flood.cti", [clicking("s", 10**6, 1)], silent)


# Mean time to install


@pytest.mark.parametrize(("mean", "fires"), [(5.49, False), (5.5, True), (5.51, True)])
def test_exactly_two_and_a_half_deviations_are_enough(mean, fires):
    # Means 2, 2, 4, 4 and 3 twice over: mean 3, sample deviation exactly 1.
    means = (2.0, 4.0, 2.0, 4.0, 3.0)
    others = [with_times(f"o{n}", {40: 100}, log_each) for n, log_each in enumerate(means)]
    found = fired("mtti_outlier", [with_times("s", {40: 100}, mean)], baseline(*others))
    assert bool(found) == fires


@pytest.mark.parametrize(("installs", "fires"), [(29, False), (30, True), (31, True)])
def test_a_mean_needs_thirty_installs(installs, fires):
    others = [with_times(f"o{n}", {40: 100}, 3 + n % 2) for n in range(6)]
    found = fired("mtti_outlier", [with_times("s", {40: installs}, 9.0)], baseline(*others))
    assert bool(found) == fires


@pytest.mark.parametrize(("count", "fires"), [(4, False), (5, True), (6, True)])
def test_a_deviation_needs_five_other_publishers(count, fires):
    others = [with_times(f"o{n}", {40: 100}, 3 + n % 2) for n in range(count)]
    own = with_times("s", {40: 100}, 9.0)
    assert bool(fired("mtti_outlier", [own], baseline(*others, own))) == fires


def test_publishers_that_are_all_alike_leave_no_measure_of_distance():
    assert not fired("mtti_outlier", [with_times("s", {40: 100}, 9.0)], baseline(*OTHERS))


# New devices


def arriving(site_id: str, installs: int, new: int) -> PublisherCounts:
    return publisher(site_id, install_count=installs, new_device_count=new)


@pytest.mark.parametrize(("new", "fires"), [(799, False), (800, False), (801, True)])
def test_a_share_of_exactly_four_fifths_is_not_above_it(new, fires):
    frozen = baseline(arriving("o", 1_000, 100))
    assert bool(fired("new_device_rate", [arriving("s", 1_000, new)], frozen)) == fires


@pytest.mark.parametrize(("installs", "fires"), [(99, False), (100, True), (101, True)])
def test_a_share_needs_a_hundred_installs(installs, fires):
    frozen = baseline(arriving("o", 1_000, 100))
    found = fired("new_device_rate", [arriving("s", installs, installs)], frozen)
    assert bool(found) == fires


@pytest.mark.parametrize(("of_others", "fires"), [(799, True), (800, True), (801, False)])
def test_an_excess_of_exactly_ten_points_is_enough(of_others, fires):
    frozen = baseline(arriving("o", 1_000, of_others))
    assert bool(fired("new_device_rate", [arriving("s", 1_000, 900)], frozen)) == fires


def test_where_every_device_is_new_nobody_stands_out():
    frozen = baseline(arriving("o", 500, 500), arriving("s", 500, 500))
    assert not fired("new_device_rate", [arriving("s", 500, 500)], frozen)


# Retention


def returning(site_id: str, cohort: int, returned: int) -> PublisherCounts:
    return publisher(site_id, cohort_count=cohort, returned_count=returned)


@pytest.mark.parametrize(("returned", "fires"), [(9, True), (10, False), (11, False)])
def test_a_tenth_of_the_others_retention_is_not_below_it(returned, fires):
    frozen = baseline(returning("o", 1_000, 200))
    found = fired("retention_zero", [returning("s", 500, returned)], frozen)
    assert bool(found) == fires


@pytest.mark.parametrize(("cohort", "fires"), [(49, False), (50, True), (51, True)])
def test_retention_needs_fifty_installs(cohort, fires):
    frozen = baseline(returning("o", 1_000, 300))
    assert bool(fired("retention_zero", [returning("s", cohort, 0)], frozen)) == fires


@pytest.mark.parametrize(("returned", "fires"), [(49, False), (50, True), (51, True)])
def test_an_app_that_nobody_returns_to_says_nothing(returned, fires):
    frozen = baseline(returning("o", 1_000, returned))
    assert bool(fired("retention_zero", [returning("s", 5_000, 0)], frozen)) == fires


def test_few_installs_without_a_return_can_be_chance():
    frozen = baseline(returning("o", 1_000, 60))
    # 0.94 ** 60 is 2.4 %, 0.94 ** 80 is 0.7 %.
    assert not fired("retention_zero", [returning("s", 60, 0)], frozen)
    assert fired("retention_zero", [returning("s", 80, 0)], frozen)


# Impressions


@pytest.mark.parametrize(
    ("impressions", "fires"), [(999_999, False), (1_000_000, False), (1_000_001, True)]
)
def test_a_publisher_may_report_exactly_its_cap(impressions, fires):
    sample = publisher("s", impression_count=impressions)
    found = fired("impression_cap", [sample, publisher("quiet")], baseline())
    assert bool(found) == fires
    if fires:
        assert found[0].sentence == (
            "It reported 1,000,001 impressions on the day, above its cap of 1,000,000."
        )


# All


def test_an_app_with_one_publisher_has_nothing_to_compare_with():
    one = replace(
        with_times("s", {80: 500}, 9.0),
        click_count=10**6, new_device_count=500, cohort_count=500, returned_count=0,
    )  # fmt: skip
    for rule in ("click_flood.flat_ctit", "click_flood.cti", "mtti_outlier", "new_device_rate",
                 "retention_zero"):  # fmt: skip
        assert not fired(rule, [one], baseline(one))
        assert not fired(rule, [one], baseline())


def test_a_rule_that_is_off_or_of_another_kind_is_silent():
    sample = with_times("s", {80: 100})
    rules = [
        FraudRule(rule_id="click_flood.flat_ctit", mode="off"),
        FraudRule(rule_id="hyper_engagement", mode="block"),
    ]
    assert judge_publishers([sample], baseline(*OTHERS), rules) == []


def test_a_rule_in_two_modes_gives_two_verdicts_in_words():
    sample = with_times("s", {80: 100})
    rules = [
        FraudRule(rule_id="click_flood.flat_ctit", mode="flag", parameters={"max_distance": 0.9}),
        FraudRule(rule_id="click_flood.flat_ctit", mode="shadow"),
    ]
    found = judge_publishers([sample], baseline(*OTHERS), rules)
    assert [(one.mode, one.threshold) for one in found] == [("flag", 0.9), ("shadow", 0.35)]
    assert found[0].baseline_id == "frozen"
    assert found[0].sentence == (
        "Its click to install times lie 1 from those of the app's other publishers"
        " (suspicious above 0.9)."
    )


publishers_of = st.lists(
    st.builds(
        lambda n, times, log, clicks, new, cohort, back: replace(
            with_times(f"s{n}", times, log),
            click_count=clicks,
            new_device_count=min(new, sum(times.values())),
            cohort_count=cohort + back,
            returned_count=back,
        ),
        st.integers(0, 30),
        st.dictionaries(st.integers(0, 127), st.integers(0, 90), max_size=5),
        st.floats(0, 9).map(lambda x: round(x, 3)),
        st.integers(0, 100_000),
        st.integers(0, 400),
        st.integers(0, 300),
        st.integers(0, 30),
    ),
    max_size=12,
    unique_by=lambda one: one.site_id,
)
ALL = [
    FraudRule(rule_id=rule)
    for rule in ("click_flood.flat_ctit", "click_flood.cti", "mtti_outlier", "new_device_rate",
                 "retention_zero")
]  # fmt: skip


@given(publishers_of, publishers_of, st.randoms())
def test_verdicts_do_not_depend_on_the_order_of_publishers(samples, frozen, random):
    straight = judge_publishers(samples, baseline(*frozen), ALL)
    random.shuffle(samples)
    random.shuffle(frozen)
    shuffled = judge_publishers(samples, baseline(*frozen), ALL)
    assert [replace(one, value=0, baseline_value=0, sentence="") for one in straight] == [
        replace(one, value=0, baseline_value=0, sentence="") for one in shuffled
    ]
    assert [one.value for one in straight] == pytest.approx([one.value for one in shuffled])
