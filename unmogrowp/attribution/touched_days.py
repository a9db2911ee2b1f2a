"""Which days of the marts have to be built again, and up to where they are built.

A late event or touch changes the days of the *installs* it can reach, not its own. Landing calls
`enqueue` for each range after its rows are in the clean tables and before the range is marked
landed, so a killed landing repeats it; entries are maxima, so repeating does no harm. What is
enqueued may be too much, never too little: a day built for nothing comes out the same.

The queue is append-only. A day is due while the highest landing_seq that touched it exceeds the
highest one a finished build had read. Days of events are due besides after a decision they inherit
was published otherwise: no row came with that, so its instant counts instead of a number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from unmogrowp.attribution import scratch
from unmogrowp.attribution.openings import asks_for_openings
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

Mart = Literal["clean", "installs", "attribution", "events", "credit", "credit_identities"]
MARTS: tuple[Mart, ...] = ("installs", "attribution", "events")


class StagedRange(Protocol):
    """What landing says about a range whose rows are in the clean tables."""

    @property
    def landing_seq(self) -> int:
        """Sequence number of the range."""
        ...

    @property
    def now_ms(self) -> int:
        """Instant to record."""
        ...

    @property
    def events_table(self) -> str:
        """Table that holds its events, with the columns of clean.events."""
        ...

    @property
    def touches_table(self) -> str:
        """Table that holds its touches, with the columns of clean.touches."""
        ...


@dataclass(frozen=True, slots=True)
class DueDay:
    """A day to build; `touched` is the highest landing_seq that changed its input."""

    mart: Mart
    day: date
    touched: int


def enqueuer(
    warehouse: Warehouse, rulesets: Callable[[], Sequence[Ruleset]] = lambda: (OURS,)
) -> Callable[[StagedRange], None]:
    """Return the callback for landing: `after_publish=[enqueuer(warehouse)]`.

    It asks for the rulesets with every range: one may be promoted while landing runs.
    """

    def callback(staged: StagedRange) -> None:
        enqueue(warehouse, staged, rulesets())

    return callback


def enqueue(
    warehouse: Warehouse, staged: StagedRange, rulesets: Sequence[Ruleset] = (OURS,)
) -> None:
    """Touch the days of installs that the events and touches of a landed range can change.

    A rebuild of a clean day calls this as well, with the rows that come and those that go, and
    before it swaps them: then rows may vanish, and what they held back is touched too.

    Args:
        warehouse: Where the clean tables already hold the rows of the range.
        staged: The range; copies of earlier rows may still be in its tables.
        rulesets: All that decide; the furthest reach of any of them counts.
    """
    common = {"landing_seq": staged.landing_seq, "now_ms": staged.now_ms}
    database, events = staged.events_table.split(".")
    with scratch.changed_devices(warehouse) as devices:
        warehouse.execute(
            f"INSERT INTO {devices} {named_queries.load('mart/changed_devices')}",
            {"database": database, "events": events},
        )
        warehouse.run("mart/touch_days_of_events", {**common, "devices": scratch.bare(devices)})
    warehouse.run(
        "mart/touch_days_of_occurrences", {**common, "database": database, "events": events}
    )
    warehouse.run("mart/touch_days_of_rebuild", {**common, "database": database, "events": events})
    has_openings = asks_for_openings(rulesets)
    if has_openings:
        warehouse.run(
            "mart/touch_days_of_openings", {**common, "database": database, "events": events}
        )
    database, touches = staged.touches_table.split(".")
    warehouse.run(
        "mart/touch_days_of_touches",
        {
            **common,
            "database": database,
            "touches": touches,
            "reach_before_ms": max(one.reach_before_ms for one in rulesets),
            "reach_after_ms": max(one.after_slack_ms for one in rulesets),
            "has_openings": has_openings,
        },
    )


def touch_inheriting(
    warehouse: Warehouse,
    ruleset_id: str,
    day: date,
    staged_decisions: str,
    watermark: int,
    published_ms: int,
) -> None:
    """Touch the days of events whose source a publish of decisions is about to change.

    Args:
        warehouse: Where the versions of the decisions are recorded already.
        ruleset_id: The ruleset that decided.
        day: UTC day of the conversions.
        staged_decisions: Staging table that is about to be published, without its database.
        watermark: The one it is published with.
        published_ms: Instant with which the new versions were recorded.
    """
    with scratch.owners(warehouse) as owners, scratch.keys(warehouse) as keys:
        params = {
            "ruleset_id": ruleset_id,
            "day": day,
            "decisions": staged_decisions,
            "published_ms": published_ms,
            "owners": scratch.bare(owners),
            "keys": scratch.bare(keys),
        }
        warehouse.execute(
            f"INSERT INTO {owners} {named_queries.load('mart/changed_owners')}", params
        )
        if not warehouse.scalar(f"SELECT count() FROM {owners}"):  # noqa: S608 (our own name)
            return
        warehouse.execute(
            f"INSERT INTO {keys} {named_queries.load('mart/inheriting_keys')}", params
        )
        warehouse.run("mart/touch_days_of_decisions", {**params, "landing_seq": watermark})


def touch(
    warehouse: Warehouse,
    day: date,
    watermark: int,
    reason: str,
    now_ms: int,
    marts: Sequence[Mart] = ("installs",),
) -> None:
    """Make a day due by hand: a backfill, a migration, a rebuilt clean day."""
    _record(warehouse, marts, day, "touched", watermark, reason, now_ms)


def due(warehouse: Warehouse, marts: Sequence[Mart] = MARTS) -> list[DueDay]:
    """Return the days to build, oldest first.

    `installs` means installs and then attribution of the day; `attribution` only the latter, with
    openings before it where a ruleset asks for them, and is left out for days whose installs are
    due as well. `events` comes last of a day.
    """
    return [
        DueDay(mart, day, int(touched))
        for mart, day, touched in warehouse.named_rows("mart/due_days", {"marts": list(marts)})
    ]


def mark_built(
    warehouse: Warehouse, marts: Sequence[Mart], day: date, watermark: int, now_ms: int
) -> None:
    """Say that a day is built from everything up to a watermark.

    Args:
        warehouse: Where the queue is.
        marts: `("installs", "attribution")` after a build of both, `("attribution",)` after one
            of the decisions only.
        day: The day.
        watermark: The one the build was published with; entries above it stay due.
        now_ms: Instant to record.
    """
    _record(warehouse, marts, day, "built", watermark, "build", now_ms)


def _record(
    warehouse: Warehouse,
    marts: Sequence[Mart],
    day: date,
    state: Literal["touched", "built"],
    watermark: int,
    reason: str,
    now_ms: int,
) -> None:
    warehouse.run(
        "mart/record_touched_day",
        {
            "marts": list(marts),
            "day": day,
            "state": state,
            "watermark": watermark,
            "reason": reason,
            "now_ms": now_ms,
        },
    )
