"""Scenarios by shape: i impressions, c clicks, n installs, r store referrers; @ age at install.

Every scenario is an app of its own; all of a file are built in the same statements, and the rows
must be exactly those that the scenario says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.engine import empty_tables, engine
from tests.market.build import (
    Market,
    actual_rows,
    build_installs,
    days_of,
    decide_days,
    load,
)
from tests.market.model import Event, Touch, at
from tests.market.oracle import digest
from unmogrowp.rulesets import OURS, Ruleset

N = at("2026-03-10T12:00:00")
ZERO = "00000000-0000-0000-0000-000000000000"

OUT = "outside_window"
AFTER = "after_install"


def n(age: int = 0, message_id: str = "m", **fields: Any) -> Event:
    return Event(
        message_id=message_id, occurred_at=N - age,
        **{"device_id": "dev", "android_id": "dev", "gaid": "gaid", **fields},
    )  # fmt: skip


def opened(age: int = 0, message_id: str = "o", **fields: Any) -> Event:
    return replace(n(age, message_id, **fields), event_name="Application Opened")


def c(age: int, touch_id: str = "c", **fields: Any) -> Touch:
    return Touch(touch_id=touch_id, touch_at=N - age, **{"gaid": "gaid", **fields})


def i(age: int, touch_id: str = "i", **fields: Any) -> Touch:
    return replace(c(age, touch_id, **fields), touch_type="impression")


def referrer(query: str, **clocks: int) -> dict[str, Any]:
    return {"properties": {"install_referrer": {"install_referrer": query, **clocks}}}


@dataclass(frozen=True)
class Scenario:
    """`won` is the touch that wins the (last) install; `ranks` says what became of every touch.

    `touches` without an `app_id` of their own belong to the app of the scenario.
    """

    shape: str
    events: tuple[Event, ...]
    touches: tuple[Touch, ...]
    won: str = ""
    by: str = ""
    ctit_ms: int | None = None
    organic: str = ""
    ranks: dict[str, int | str] = field(default_factory=dict)
    under: Ruleset = OURS
    kind: str = "install"


def won(shape: str, events: Any, touches: Any, touch_id: str, by: str, ctit_ms: int | None,
        ranks: dict[str, int | str] | None = None, **more: Any) -> Scenario:  # fmt: skip
    return Scenario(shape, _many(events), _many(touches), touch_id, by, ctit_ms, "",
                    ranks or {touch_id: 1}, **more)  # fmt: skip


def organic(shape: str, events: Any, touches: Any, reason: str,
            ranks: dict[str, int | str] | None = None, **more: Any) -> Scenario:  # fmt: skip
    return Scenario(shape, _many(events), _many(touches), organic=reason, ranks=ranks or {}, **more)


def _many(one_or_more: Any) -> tuple[Any, ...]:
    return tuple(one_or_more) if isinstance(one_or_more, list | tuple) else (one_or_more,)


CLICKED = {"properties": {"click_id": "K1"}}
PAID = "utm_source=net_r&utm_campaign=spring"
NOW_S = N // 1000


Rows = dict[str, list[dict[str, Any]]]
OTHER_APP = "another app"


def decided(scenarios: Sequence[Scenario]) -> dict[str, Rows]:
    """Build all scenarios and return the rows of each, decided under its own ruleset."""
    warehouse = engine()
    empty_tables(warehouse)
    markets = {scenario.shape: _market(scenario) for scenario in scenarios}
    load(warehouse, markets.values())
    build_installs(warehouse, days_of(markets.values()))
    rulesets = {scenario.under.ruleset_id: scenario.under for scenario in scenarios}
    assert {one.config_hash for one in rulesets.values()} == {
        scenario.under.config_hash for scenario in scenarios
    }, "rulesets have names of their own"
    found: dict[str, dict[str, Rows]] = {}
    for name, ruleset in rulesets.items():
        own = [markets[one.shape] for one in scenarios if one.under.ruleset_id == name]
        decide_days(warehouse, days_of(own), ruleset)
        found[name] = actual_rows(warehouse, ruleset)
    return {one.shape: found[one.under.ruleset_id][one.shape] for one in scenarios}


def _market(scenario: Scenario) -> Market:
    return Market(
        tuple(_of_app(one, scenario.shape) for one in scenario.events),
        tuple(_of_app(one, scenario.shape) for one in scenario.touches),
    )


def _of_app(one: Any, shape: str) -> Any:
    return one if one.app_id == OTHER_APP else replace(one, app_id=shape)


def check(scenario: Scenario, tables: Rows) -> None:
    """Hold the rows of a scenario against what it says."""
    install = max(tables["installs"], key=lambda row: row["installed_at"])
    decision = next(
        row for row in tables["decisions"] if row["conversion_id"] == install["install_id"]
    )
    candidates = [
        row for row in tables["candidates"] if row["conversion_id"] == install["install_id"]
    ]
    names = {digest(scenario.shape, "referrer", install["source_message_id"]): "r"}
    found = {
        names.get(row["touch_id"], row["touch_id"]): row["rank"] or row["reason"]
        for row in candidates
    }
    assert found == scenario.ranks
    assert len(candidates) == len(found), "no touch is considered twice"
    assert {
        "won": names.get(decision["touch_id"], decision["touch_id"]),
        "by": decision["match_type"],
        "ctit_ms": decision["ctit_ms"],
        "organic": decision["organic_reason"],
        "is_organic": decision["is_organic"],
        "kind": decision["conversion_kind"],
        "candidate_count": decision["candidate_count"],
        "eligible_count": decision["eligible_count"],
        "assists": [names.get(one, one) for one in decision["assists"]],
    } == {
        "won": scenario.won,
        "by": scenario.by,
        "ctit_ms": scenario.ctit_ms,
        "organic": scenario.organic,
        "is_organic": not scenario.won,
        "kind": scenario.kind,
        "candidate_count": len(scenario.ranks),
        "eligible_count": sum(1 for rank in scenario.ranks.values() if isinstance(rank, int)),
        "assists": [
            touch
            for touch, rank in sorted(scenario.ranks.items(), key=lambda item: str(item[1]))
            if isinstance(rank, int) and rank > 1
        ],
    }
    assert [row["install_id"] for row in tables["decisions"]] == [
        row["install_id"] for row in tables["installs"]
    ], "every install is decided exactly once"
