"""Fraud rules about candidates, decided for real: what blocks, what only flags, who wins instead.

Each market is an app of its own and all are decided in the same statements. Edges one below,
exactly on, and one above.
"""

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest

from tests.engine import empty_tables, engine
from tests.integration.fraud.rows import StillClock, insert
from tests.market.build import Market, build_days, days_of, load
from tests.market.model import DAY, HOUR, MINUTE, SECOND, Event, Touch, at
from unmogrowp.fraud.networks import covered_ranges, read_networks, replace_list
from unmogrowp.fraud.shadow import shadow_report
from unmogrowp.rulesets import OURS, parse_ruleset
from unmogrowp.warehouse.client import Warehouse

N = at("2026-03-10T12:30:00")
LISTED, HALF, CLEAN = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
LISTED_6 = "2001:db8:1::/48"


def n(**fields: Any) -> Event:
    return Event(message_id="m", occurred_at=N, device_key="dev", **{"gaid": "gaid", **fields})


def c(age: int, touch_id: str, source: str = "bad", **fields: Any) -> Touch:
    return Touch(touch_id=touch_id, touch_at=N - age, media_source=source, gaid="gaid", **fields)


def clicks(count: int, *, first_age: int, step: int, source: str = "bad") -> tuple[Touch, ...]:
    return tuple(c(first_age + k * step, f"c{k}", source) for k in range(count))


HONEST = c(2 * DAY, "honest", "good")


@dataclass(frozen=True)
class Case:
    """`said` are (touch, rule, mode, value); `won` is the source that gets the install."""

    shape: str
    touches: tuple[Touch, ...]
    won: str
    said: tuple[tuple[str, str, str, float], ...] = ()
    event: Event | None = None
    countries: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def flooded(count: int, value: float, **fields: Any) -> tuple[tuple[str, str, str, float], ...]:
    return tuple((f"c{k}", "hyper_engagement", "block", value) for k in range(count))


def referred(query: str, click_age: int) -> Event:
    seconds = (N - click_age) // SECOND
    return n(
        properties={
            "install_referrer": {
                "install_referrer": query,
                "referrer_click_timestamp_server_seconds": seconds,
            }
        }
    )


STACK = tuple(c(HOUR, f"c{k}", "bad", site_id=f"s{k}") for k in range(3))


def stacked(*touch_ids: str) -> tuple[tuple[str, str, str, float], ...]:
    return tuple((one, "ad_stacking", "flag", 3.0) for one in touch_ids)


def spread(*offsets: int) -> tuple[Touch, ...]:
    return tuple(c(HOUR - offset, f"c{k}") for k, offset in enumerate(offsets))


def shown(*sites: str) -> tuple[Touch, ...]:
    return tuple(
        c(HOUR, f"v{k}", site_id=site, touch_type="impression") for k, site in enumerate(sites)
    )


PAID = "utm_source=store&utm_medium=cpc"

CASES = [
    Case("20 clicks in an hour are a person", clicks(20, first_age=HOUR, step=MINUTE), "bad"),
    Case(
        "21 clicks in an hour are none",
        (*clicks(21, first_age=HOUR, step=MINUTE), HONEST),
        "good",
        flooded(21, 21.0),
    ),
    Case(
        "21 clicks over the turn of an hour are 20 and 1",
        clicks(21, first_age=31 * MINUTE, step=3 * MINUTE - 1),
        "bad",
    ),
    Case(
        "a flood by one source costs another nothing",
        (*clicks(21, first_age=HOUR, step=MINUTE), c(HOUR + MINUTE, "other", "good")),
        "good",
        flooded(21, 21.0),
    ),
    Case("100 clicks in a day are a person", clicks(100, first_age=HOUR, step=6 * MINUTE), "bad"),
    Case(
        "a flood with nobody else leaves an organic install",
        clicks(21, first_age=HOUR, step=MINUTE),
        "organic",
        flooded(21, 21.0),
    ),
    Case(
        "impressions are not clicks",
        tuple(
            replace(one, touch_type="impression") for one in clicks(30, first_age=HOUR, step=MINUTE)
        ),
        "bad",
    ),
    Case("two clicks in a second", STACK[:2], "bad"),
    Case(
        "three clicks at three placements in a second",
        STACK,
        "bad",
        stacked("c0", "c1", "c2"),
    ),
    Case(
        "three clicks at one placement: a finger clicks once",
        tuple(c(HOUR, f"c{k}", site_id="s") for k in range(3)),
        "bad",
        stacked("c0", "c1", "c2"),
    ),
    Case(
        "three clicks within a second over the turn of a second",
        (c(HOUR + 500, "c0"), c(HOUR, "c1"), c(HOUR - 499, "c2")),
        "bad",
        stacked("c0", "c1", "c2"),
    ),
    Case("three clicks in a second and a millisecond", spread(0, 500, 1000), "bad"),
    Case(
        "a fourth click that shares a second with two of three",
        spread(0, 500, 999, 1300),
        "bad",
        stacked("c0", "c1", "c2", "c3"),
    ),
    Case(
        "a click beside a stack",
        spread(0, 1200, 1500, 2199, 3200),
        "bad",
        stacked("c1", "c2", "c3"),
    ),
    Case("three impressions of one placement in a second", shown("s", "s", "s"), "bad"),
    Case(
        "impressions of three placements in a second",
        shown("r", "s", "t"),
        "bad",
        stacked("v0", "v1", "v2"),
    ),
    Case(
        "two clicks and the impressions before them",
        (*STACK[:2], *shown("s0", "s1")),
        "bad",
    ),
    Case(
        "a click after the referrer's claims another source",
        (c(HOUR, "late"),),
        "bad",
        (("late", "referrer_mismatch", "flag", 1.0),),
        referred(PAID, 2 * HOUR),
    ),
    Case(
        "a click in the instant of the referrer's claims another source",
        (c(2 * HOUR, "same"),),
        "store",
        (("same", "referrer_mismatch", "flag", 1.0),),
        referred(PAID, 2 * HOUR),
    ),
    Case(
        "a click before the referrer's is overtaken, not fraud",
        (c(2 * HOUR + 1, "early"),),
        "store",
        (),
        referred(PAID, 2 * HOUR),
    ),
    Case(
        "a click of the referrer's own source in other letters",
        (c(HOUR, "own", "STORE"),),
        "STORE",
        (),
        referred(PAID, 2 * HOUR),
    ),
    Case(
        "a click that the referrer names by its id",
        (c(HOUR, "named", "net", click_id="k1"),),
        "net",
        (),
        referred(PAID + "&click_id=k1", 2 * HOUR),
    ),
    Case(
        "touch and install in different countries",
        (c(HOUR, "far"),),
        "bad",
        (("far", "geo_mismatch", "flag", 1.0),),
        countries=("fr",),
    ),
    Case("touch and install in one country", (c(HOUR, "near"),), "bad", countries=("de",)),
    Case("a touch that says no country", (c(HOUR, "mute"),), "bad", countries=("",)),
    Case(
        "an install whose country nobody knows",
        (c(HOUR, "far"),),
        "bad",
        event=n(country=""),
        countries=("fr",),
    ),
    Case(
        "a touch from a listed network",
        (c(HOUR, "tor"),),
        "bad",
        (("tor", "anonymous_ip", "flag", 1.0),),
        prefixes=(LISTED,),
    ),
    Case("a touch from a network that is half listed", (c(HOUR, "half"),), "bad", prefixes=(HALF,)),
    Case("a touch from a network that is not listed", (c(HOUR, "no"),), "bad", prefixes=(CLEAN,)),
    Case(
        "a touch from a listed network of IPv6",
        (c(HOUR, "six"),),
        "bad",
        (("six", "anonymous_ip", "flag", 1.0),),
        prefixes=(LISTED_6,),
    ),
    Case(
        "an install from a listed network, whatever the touch",
        (c(HOUR, "any"),),
        "bad",
        (("any", "anonymous_ip", "flag", 1.0),),
        event=n(ip_prefix=LISTED),
        prefixes=(CLEAN,),
    ),
    Case("an address that is none", (c(HOUR, "odd"),), "bad", prefixes=("unknown",)),
    Case(
        "a touch with a macro for a click id is carelessness",
        (c(HOUR, "macro"),),
        "bad",
        flags=("click_id.unusable",),
    ),
    Case(
        "a touch with two ids that are none",
        (c(HOUR, "forged"),),
        "bad",
        (("forged", "malformed_id", "flag", 2.0),),
        flags=("click_id.unusable", "idfa.unusable", "gaid.unusable"),
    ),
    Case("a touch with another flag", (c(HOUR, "late"),), "bad", flags=("time.future",)),
]


def decide(cases: list[Case]) -> Warehouse:
    """Decide every case as an app of its own."""
    warehouse = engine()
    empty_tables(warehouse)
    ranges = covered_ranges(read_networks([LISTED, "198.51.100.0/25", LISTED_6], "test"))
    replace_list(warehouse, "test", "vpn", ranges, StillClock())
    markets = []
    for number, case in enumerate(cases):
        app = f"app-{number}"
        touches = tuple(replace(one, app_id=app) for one in case.touches)
        markets.append(Market((replace(case.event or n(), app_id=app),), touches))
    plain = [
        market
        for market, case in zip(markets, cases, strict=True)
        if not (case.countries or case.prefixes or case.flags)
    ]
    load(warehouse, plain)
    for market, case in zip(markets, cases, strict=True):
        if case.countries or case.prefixes or case.flags:
            load(warehouse, [Market(market.events, ())])
            for one in market.touches:
                insert_touch(warehouse, one, case)
    build_days(warehouse, days_of(markets))
    return warehouse


def insert_touch(warehouse: Warehouse, one: Touch, case: Case) -> None:
    instant = pa.timestamp("ms", tz="UTC")
    params = {"country": case.countries[0]} if case.countries else {}
    insert(
        warehouse,
        "clean.touches",
        [
            ("app_id", pa.string(), [one.app_id]),
            ("touch_id", pa.string(), [one.touch_id]),
            ("touch_type", pa.string(), [one.touch_type]),
            ("media_source", pa.string(), [one.media_source]),
            ("gaid", pa.string(), [one.gaid]),
            ("touch_at", instant, [one.touch_at]),
            ("received_at", instant, [one.touch_at + SECOND]),
            ("ip_prefix", pa.string(), [case.prefixes[0] if case.prefixes else ""]),
            ("time_flags", pa.list_(pa.string()), [list(case.flags)]),
            ("params", pa.map_(pa.string(), pa.string()), [list(params.items())]),
        ],
    )


@pytest.fixture(scope="module")
def decided() -> Warehouse:
    return decide(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.shape)
def test_what_is_said_about_touches_and_who_wins(decided, case):
    app = f"app-{CASES.index(case)}"
    said = decided.rows(
        "SELECT touch_id, v.1, v.2, v.3 FROM mart.attribution_candidates"
        " ARRAY JOIN fraud_verdicts AS v WHERE app_id = {app:String} ORDER BY touch_id",
        {"app": app},
    )
    assert said == sorted(case.said)
    won, reason = decided.rows(
        "SELECT media_source, organic_reason FROM mart.attributed_installs"
        " WHERE app_id = {app:String}",
        {"app": app},
    )[0]
    assert won == case.won
    assert reason == ("fraud_blocked:hyper_engagement" if won == "organic" else "")


def test_a_hundred_and_first_click_of_a_day_is_one_too_many():
    flood = Case("", (*clicks(101, first_age=31 * MINUTE, step=7 * MINUTE - 5000), HONEST), "good")
    warehouse = decide([flood])
    assert warehouse.rows(
        "SELECT DISTINCT v.1, v.2, v.3, v.4, reason FROM mart.attribution_candidates"
        " ARRAY JOIN fraud_verdicts AS v"
    ) == [("hyper_engagement", "block", 101.0, 100.0, "fraud_blocked:hyper_engagement")]


def confirm(
    warehouse: Warehouse, number: int, action: str, first: str, last: str, at_ms: int
) -> None:
    insert(
        warehouse,
        "audit.fraud_reviews",
        [
            ("review_id", pa.string(), ["r1"]),
            ("decision_number", pa.uint32(), [number]),
            ("action", pa.string(), [action]),
            ("ruleset_id", pa.string(), ["ours"]),
            ("app_id", pa.string(), ["app-0"]),
            ("media_source", pa.string(), ["bad"]),
            ("site_id", pa.string(), ["s"]),
            ("rule", pa.string(), ["mtti_outlier"]),
            ("first_day", pa.date32(), [at(first) // DAY]),
            ("last_day", pa.date32(), [at(last) // DAY]),
            ("decided_at", pa.timestamp("ms", tz="UTC"), [at_ms]),
        ],
    )


@pytest.mark.parametrize(
    ("first", "last", "days", "won"),
    [
        ("2026-03-10", "2026-03-10", 35, "good"),
        ("2026-03-10", "2026-03-10", 36, "bad"),
        ("2026-03-01", "2026-03-09", 3, "bad"),
        ("2026-03-11", "2026-03-12", 3, "bad"),
        ("2026-03-09", "2026-03-11", 0, "good"),
    ],
    ids=["35 days later", "36 days later", "days before", "days after", "on the day"],
)
def test_a_confirmed_publisher_is_blocked_on_its_days_for_35_days(first, last, days, won):
    case = Case(
        "", (c(HOUR, "theirs", site_id="s"), c(2 * HOUR, "other", site_id="t"), HONEST), won
    )
    warehouse = decide([replace(case, touches=(case.touches[0], case.touches[2]))])
    confirm(warehouse, 1, "confirm", first, last, N + days * DAY)
    build_days(warehouse, days_of([Market((replace(n(), app_id="app-0"),), ())]))
    assert warehouse.scalar("SELECT media_source FROM mart.attributed_installs") == won


def test_an_undone_confirmation_gives_the_install_back():
    warehouse = decide([Case("", (c(HOUR, "theirs", site_id="s"), HONEST), "bad")])
    hashes = []
    for number, action in enumerate(("confirm", "undo", "confirm", "dismiss"), 1):
        confirm(warehouse, number, action, "2026-03-10", "2026-03-10", N + DAY)
        build_days(warehouse, days_of([Market((replace(n(), app_id="app-0"),), ())]))
        hashes.append(warehouse.scalar("SELECT media_source FROM mart.attributed_installs"))
    assert hashes == ["good", "bad", "good", "bad"]


def test_a_rule_that_is_off_says_nothing_and_one_in_shadow_moves_nothing():
    shadow = parse_ruleset("""
ruleset_id: ours
rules:
  - {touch_type: click, method: device_id, window: 7d, tier: 1}
fraud:
  - {rule_id: hyper_engagement, mode: shadow}
  - {rule_id: ad_stacking, version: 2, mode: "off"}
""")
    warehouse = engine()
    empty_tables(warehouse)
    market = Market((n(),), (*clicks(21, first_age=HOUR, step=MINUTE), HONEST))
    load(warehouse, [market])
    build_days(warehouse, days_of([market]), shadow)
    assert warehouse.scalar("SELECT media_source FROM mart.attributed_installs") == "bad"
    modes = warehouse.rows(
        "SELECT DISTINCT v.1, v.2 FROM mart.attribution_candidates ARRAY JOIN fraud_verdicts AS v"
    )
    assert modes == [("hyper_engagement", "shadow")]
    assert OURS.config_hash != shadow.config_hash


def test_what_a_shadow_report_foretells_is_what_blocking_does():
    text = """
ruleset_id: ours
rules:
  - {{touch_type: click, method: device_id, window: 7d, tier: 1}}
fraud:
  - {{rule_id: hyper_engagement, mode: {mode}}}
  - {{rule_id: ad_stacking, version: 2, mode: flag, parameters: {{min_placements: 2}}}}
"""
    markets = [
        Market(
            (replace(n(), app_id=f"app-{number}"),),
            tuple(replace(one, app_id=f"app-{number}") for one in case.touches),
        )
        for number, case in enumerate(CASES)
    ]
    days = days_of(markets)
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, markets)
    build_days(warehouse, days, parse_ruleset(text.format(mode="shadow")))
    report = shadow_report(warehouse, "ours", "hyper_engagement", days[0], days[-1])
    build_days(warehouse, days, parse_ruleset(text.format(mode="block")))
    then = dict(
        warehouse.rows(
            "SELECT media_source, count() FROM mart.attributed_installs GROUP BY media_source"
        )
    )
    assert report.moved_count > 0
    assert {source: count for source, _, count in report.changes() if count} == then
