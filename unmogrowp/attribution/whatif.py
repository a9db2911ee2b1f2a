"""What another ruleset would decide: a trial beside what counts, and what it moves.

A trial is decided like any ruleset, into partitions of its own; nothing of it reaches the history
of what was reported. The differences are counted once per conversion, with the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from unmogrowp.attribution.build import build_attribution_day
from unmogrowp.attribution.openings import asks_for_openings, build_openings_day
from unmogrowp.clock import Clock
from unmogrowp.errors import PermanentError
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import (
    EVERY_APP,
    Promotion,
    all_deciding,
    decided_on,
    primary_of,
    standing_of,
)
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import Partition, replace_partition, staging_copy

DIFF = "mart.attribution_diff"
UNCHANGED = "unchanged"
LONGEST_DAYS = 400


class TrialRefused(PermanentError):
    """The trial would replace what counts, or there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Move:
    """Conversions that go from one source to another, for one reason; '' is no conversion.

    `revenue`, `cost` and `trial_cost` are in `currency`; `conversions` stand on the row whose
    currency is ''.
    """

    from_media_source: str
    to_media_source: str
    from_kind: str
    to_kind: str
    reason: str
    currency: str
    conversions: int
    revenue: Decimal
    cost: Decimal
    trial_cost: Decimal


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a trial moves over some days.

    `base` names what it is compared with; several names where apps or days differ in what counts.
    """

    base: str
    trial: str
    first_day: date
    last_day: date
    moves: tuple[Move, ...]

    @property
    def conversions(self) -> int:
        """Return all conversions compared, moved or not."""
        return sum(one.conversions for one in self.moves)

    @property
    def moved(self) -> int:
        """Return the conversions that another source or kind would get."""
        return sum(one.conversions for one in self.moves if one.reason != UNCHANGED)

    def per_source(self) -> dict[str, tuple[int, int]]:
        """Return conversions under the base and under the trial, by media source."""
        sources = sorted(
            {one.from_media_source for one in self.moves}
            | {one.to_media_source for one in self.moves}
        )
        return {
            source: (
                sum(one.conversions for one in self.moves if one.from_media_source == source),
                sum(one.conversions for one in self.moves if one.to_media_source == source),
            )
            for source in sources
            if source
        }


def days_between(first: date, last: date) -> list[date]:
    """Return the UTC days from first to last, both in.

    Raises:
        TrialRefused: The last day is before the first, or there are too many.
    """
    count = (last - first).days + 1
    if count < 1:
        raise TrialRefused(f"{last} is before {first}")
    if count > LONGEST_DAYS:
        raise TrialRefused(f"{count} days are more than the {LONGEST_DAYS} of one trial")
    return [first + timedelta(days=number) for number in range(count)]


def try_ruleset(
    warehouse: Warehouse,
    base: Ruleset | None,
    trial: Ruleset,
    days: Sequence[date],
    watermark: int,
    clock: Clock,
    *,
    promotions: Sequence[Promotion] = (),
    after_day: Callable[[date], object] | None = None,
) -> WhatIf:
    """Decide some days under a trial ruleset and compare them with the base.

    Args:
        warehouse: Where the marts are.
        base: What to compare with; None: what counts, for each app and on each day.
        trial: The ruleset to try; its `ruleset_id` names its partitions.
        days: UTC days of conversions.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instants that are recorded.
        promotions: Which rulesets count when. On a day that base or trial decides anyway, its
            decisions are built already and are not touched, only compared.
        after_day: Called after each day, for progress.

    Raises:
        TrialRefused: The trial would be compared with itself on all days, base or trial has the
            name of a ruleset that counts but other rules, or there is nothing to compare.
    """
    tried = [trial] if base is None else [base, trial]
    for ruleset in tried:
        _refuse_other_rules(ruleset, promotions)
    if _is_itself(base, trial, days, promotions):
        raise TrialRefused(
            f"{trial.ruleset_id} would be compared with itself; give the trial another ruleset_id"
        )
    _require_decisions(warehouse, days)
    for day in days:
        decided = {one.ruleset_id for one in decided_on(promotions, day)}
        undecided = [one for one in tried if one.ruleset_id not in decided]
        if asks_for_openings(undecided):
            build_openings_day(warehouse, day, watermark, clock)
        for ruleset in undecided:
            build_attribution_day(
                warehouse, ruleset, day, watermark, clock, promotions=promotions,
                keeps_history=False,
            )  # fmt: skip
        _publish_diff(warehouse, base, trial, day, watermark, clock, promotions)
        if after_day is not None:
            after_day(day)
    return read_diff(
        warehouse, "" if base is None else base.ruleset_id, trial.ruleset_id, days[0], days[-1]
    )


def _refuse_other_rules(ruleset: Ruleset, promotions: Sequence[Promotion]) -> None:
    same_name = [one for one in all_deciding(promotions) if one.ruleset_id == ruleset.ruleset_id]
    if any(one.config_hash != ruleset.config_hash for one in same_name):
        raise TrialRefused(
            f"{ruleset.ruleset_id} counts for some app with other rules; give the trial another"
            " ruleset_id, so that it cannot replace them"
        )


def _is_itself(
    base: Ruleset | None, trial: Ruleset, days: Sequence[date], promotions: Sequence[Promotion]
) -> bool:
    if base is not None:
        return base.ruleset_id == trial.ruleset_id
    standings = [standing_of(promotions, trial.ruleset_id, day) for day in days]
    return all(one.is_primary and not one.exceptions for one in standings)


def _require_decisions(warehouse: Warehouse, days: Sequence[date]) -> None:
    """Refuse days of which nothing is decided that counts."""
    found, first, last = warehouse.rows(
        "SELECT countIf(toDate(installed_at) BETWEEN {first:Date} AND {last:Date}),"
        " min(toDate(installed_at)), max(toDate(installed_at)) FROM mart.attributed_installs"
        " WHERE is_primary",
        {"first": days[0], "last": days[-1]},
    )[0]
    if found:
        return
    there = f"decisions lie from {first} to {last}" if first.year > 1970 else "there are none yet"
    raise TrialRefused(
        f"nothing is decided from {days[0]} to {days[-1]}: {there}; `unmogrowp sync` lands"
        " and decides what was sent"
    )


def read_diff(warehouse: Warehouse, base: str, trial: str, first: date, last: date) -> WhatIf:
    """Return what is published of a trial against a base ('': any), summed over apps and days."""
    rows = warehouse.named_rows(
        "mart/read_attribution_diff", {"base": base, "trial": trial, "first": first, "last": last}
    )
    bases = sorted({one for row in rows for one in row[-1]} - {""})
    return WhatIf(", ".join(bases), trial, first, last, tuple(Move(*row[:-1]) for row in rows))


def _publish_diff(
    warehouse: Warehouse,
    base: Ruleset | None,
    trial: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    promotions: Sequence[Promotion],
) -> None:
    apps = sorted({one.app_id for one in promotions} - {EVERY_APP})
    with staging_copy(warehouse, DIFF) as staging:
        warehouse.execute(
            f"INSERT INTO {staging} {named_queries.load('mart/attribution_diff')}",
            {
                "base": "" if base is None else base.ruleset_id,
                "trial": trial.ruleset_id,
                "day": day,
                "primary": primary_of(promotions, EVERY_APP, day).ruleset_id,
                "primary_by_app": [
                    (app_id, primary_of(promotions, app_id, day).ruleset_id) for app_id in apps
                ],
            },
        )
        replace_partition(
            warehouse,
            Partition(DIFF, (trial.ruleset_id, day)),
            staging,
            watermark=watermark,
            now_ms=clock.now_ms(),
            is_input_complete=True,
        )
