"""What would move if a rule blocked: installs and their cost, from source to source.

Read from verdicts that were kept when the installs were decided. An eligible candidate that a rule
found is taken away, and the next in rank gets the install: that is what blocking does, because the
order of the others does not change. A rule that was off kept nothing, which is said rather than
shown as "nothing would move".
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from unmogrowp.errors import PermanentError
from unmogrowp.fraud.build import SAMPLE_DAYS
from unmogrowp.rulesets.fraud_rules import fraud_rule
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse


class NothingKept(PermanentError):
    """The rule was off, or blocks already: there is no shadow to look at."""


@dataclass(frozen=True, slots=True)
class Move:
    """Installs of an app that would go from one source to another; `costs` by ISO 4217 currency."""

    app_id: str
    from_source: str
    to_source: str
    install_count: int
    costs: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What a rule would move in a span of days; `installs` by source as they are decided now."""

    rule: str
    ruleset_id: str
    first_day: date
    last_day: date
    moves: tuple[Move, ...]
    installs: Mapping[str, int]

    @property
    def moved_count(self) -> int:
        """Return how many installs would move."""
        return sum(move.install_count for move in self.moves)

    @property
    def costs(self) -> dict[str, Decimal]:
        """Return what was paid for the touches that would lose, by currency."""
        total: dict[str, Decimal] = defaultdict(Decimal)
        for move in self.moves:
            for currency, value in move.costs.items():
                total[currency] += value
        return dict(sorted(total.items()))

    def changes(self) -> list[tuple[str, int, int]]:
        """Return (source, installs now, installs if the rule blocked), most changed first."""
        after = dict(self.installs)
        for move in self.moves:
            after[move.from_source] = after.get(move.from_source, 0) - move.install_count
            after[move.to_source] = after.get(move.to_source, 0) + move.install_count
        rows = [(source, self.installs.get(source, 0), after[source]) for source in sorted(after)]
        return sorted(rows, key=lambda row: (-abs(row[2] - row[1]), row[0]))

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs; money as text."""
        return {
            "rule": self.rule,
            "ruleset_id": self.ruleset_id,
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
            "installs": sum(self.installs.values()),
            "moved_installs": self.moved_count,
            "moved_cost": {currency: str(value) for currency, value in self.costs.items()},
            "moves": [
                {
                    "app_id": move.app_id,
                    "from": move.from_source,
                    "to": move.to_source,
                    "installs": move.install_count,
                    "cost": {currency: str(value) for currency, value in move.costs.items()},
                }
                for move in self.moves
            ],
            "sources": [
                {"source": source, "now": now, "then": then} for source, now, then in self.changes()
            ],
        }


def shadow_report(
    warehouse: Warehouse, ruleset_id: str, rule: str, first_day: date, last_day: date
) -> ShadowReport:
    """Return what a rule would move if it blocked.

    Args:
        warehouse: Where the decisions are.
        ruleset_id: Ruleset whose decisions would change.
        rule: Code of a rule that shadows or flags.
        first_day: First UTC day of installs.
        last_day: Last one, included.

    Raises:
        NothingKept: The span has no decisions, or the rule was off or blocking throughout it.
        ValueError: There is no such rule.
    """
    fraud_rule(rule)
    span = {"ruleset_id": ruleset_id, "first_day": first_day, "last_day": last_day}
    _require_shadow(warehouse, rule, span)
    moves = tuple(
        Move(**row)
        for row in warehouse.records(
            named_queries.load("fraud/shadow_moves"),
            {**span, "rule": rule, "sample_days": SAMPLE_DAYS},
        )
    )
    installs = {
        source: int(count)
        for source, count in warehouse.named_rows("fraud/installs_by_source", span)
    }
    return ShadowReport(rule, ruleset_id, first_day, last_day, moves, installs)


def _require_shadow(warehouse: Warehouse, rule: str, span: Mapping[str, Any]) -> None:
    bodies = [
        json.loads(body) for (body,) in warehouse.named_rows("fraud/configurations_in_use", span)
    ]
    where = f"{span['ruleset_id']} from {span['first_day']} to {span['last_day']}"
    if not bodies:
        raise NothingKept(f"no install is decided by {where}")
    modes = {
        used["mode"] for body in bodies for used in body.get("fraud", []) if used["rule_id"] == rule
    }
    if not modes & {"shadow", "flag"}:
        stood = "blocks already" if "block" in modes else "is off"
        raise NothingKept(
            f"{rule} {stood} in {where}, so nothing was kept to look at; put it into the ruleset"
            " with mode shadow, or try another ruleset over the same days with `unmogrowp whatif`"
        )
