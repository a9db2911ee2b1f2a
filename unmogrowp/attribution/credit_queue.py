"""Which days of credit have to be built again: the queue of touched days, for journeys.

A landed touch changes the credit of its own day and of later days on which somebody who shares an
id or a component with it converted or was touched; a landed event that can be a conversion changes
its day; installs that are published change theirs; and a build of identities changes the days of
touches whose ids belong together now. As in `touched_days`, what is named may be too much and
never too little, and repeating it does no harm.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from unmogrowp.attribution.journey_definitions import DEFAULT_JOURNEYS, JourneyDefinition
from unmogrowp.attribution.touched_days import StagedRange, mark_built
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.ledger_numbers import next_number, take_number

# What the queue knows of identities concerns no day.
_NO_DAY = date(1970, 1, 2)


def credit_enqueuer(
    warehouse: Warehouse, journeys: Sequence[JourneyDefinition] = DEFAULT_JOURNEYS
) -> Callable[[StagedRange], None]:
    """Return the callback for landing: `after_publish=[credit_enqueuer(warehouse)]`."""

    def callback(staged: StagedRange) -> None:
        enqueue_credit(warehouse, staged, journeys)

    return callback


def enqueue_credit(
    warehouse: Warehouse,
    staged: StagedRange,
    journeys: Sequence[JourneyDefinition] = DEFAULT_JOURNEYS,
) -> None:
    """Touch the days whose credit a landed or rebuilt range can change."""
    params = {
        **_conversion_params(journeys),
        "landing_seq": staged.landing_seq,
        "now_ms": staged.now_ms,
        "lookback_ms": max((one.lookback_ms for one in journeys), default=0),
    }
    database, events = staged.events_table.split(".")
    warehouse.run("credit/touch_days_of_events", {**params, "database": database, "events": events})
    database, touches = staged.touches_table.split(".")
    warehouse.run(
        "credit/touch_days_of_touches", {**params, "database": database, "touches": touches}
    )


def _conversion_params(journeys: Sequence[JourneyDefinition]) -> dict[str, Any]:
    return {
        "event_names": sorted({name for one in journeys for name in one.conversion.event_names}),
        "currencies": sorted({one.conversion.currency for one in journeys} - {""}),
    }


def has_new_identities(warehouse: Warehouse) -> bool:
    """Return whether identities changed since the queue was told last."""
    known, newest = warehouse.named_rows("credit/identities_to_read")[0]
    return int(newest) > int(known)


def enqueue_identities(
    warehouse: Warehouse,
    now_ms: int,
    journeys: Sequence[JourneyDefinition] = DEFAULT_JOURNEYS,
) -> None:
    """Touch the days whose credit the builds of identities since the last call can change.

    It reads the ids of all touches, which is why credit asks for it and not each build of
    identities. The days get a number of the ledger of their own: credit that was built before it
    had read the old components. The caller holds the pipeline lock.
    """
    known, newest = (int(one) for one in warehouse.named_rows("credit/identities_to_read")[0])
    if newest <= known:
        return
    number = next_number(warehouse)
    warehouse.run(
        "credit/touch_days_of_identities",
        {
            **_conversion_params(journeys),
            "after": known,
            "through": newest,
            "landing_seq": number,
            "now_ms": now_ms,
        },
    )
    if warehouse.scalar(
        "SELECT count() FROM audit.touched_days"
        " WHERE mart = 'credit' AND reason = 'identity' AND watermark = {number:UInt64}",
        {"number": number},
    ):
        take_number(warehouse, number, "stitched", f"credit after identity build {newest}", now_ms)
    mark_built(warehouse, ("credit_identities",), _NO_DAY, newest, now_ms)


def due_credit(warehouse: Warehouse) -> list[tuple[date, int]]:
    """Return the days to build, oldest first, each with the highest landing_seq that touched it."""
    return [(day, int(touched)) for day, touched in warehouse.named_rows("credit/due_days")]


def mark_credit_built(warehouse: Warehouse, day: date, watermark: int, now_ms: int) -> None:
    """Say that the credit of a day is built from everything up to a watermark."""
    mark_built(warehouse, ("credit",), day, watermark, now_ms)
