"""Up to which instant of receipt each table is complete.

An instant is a promise: everything received before it is in the table. The archive is complete up
to the oldest last word of the collectors that are alive, or up to the first hour in which counts
differ; each layer above at most as far as the one below it, and a mart only up to the first row
that has touched a day which is not built yet.
"""

from collections.abc import Iterable, Sequence

from unmogrowp.audits.model import Comparison, CompleteThrough, Identity
from unmogrowp.warehouse.client import Warehouse


def completeness(
    warehouse: Warehouse,
    comparisons: Sequence[Comparison],
    received_before_ms: int,
    silence_after_ms: int,
) -> tuple[CompleteThrough, ...]:
    """Return the instant per table, from the audited comparisons and the queues."""
    raw = min(
        [
            (received_before_ms, "end of the audited span"),
            *_collectors(warehouse, received_before_ms, silence_after_ms),
            *_first_difference(comparisons, (Identity.STREAM, Identity.COLLECTOR)),
        ]
    )
    items = min([raw, *_first_difference(comparisons, (Identity.ITEMS,))])
    failed = min([items, *_first_difference(comparisons, (Identity.DEAD_LETTERS,))])
    installs = min([items, *_unbuilt(warehouse, ("clean", "installs"))])
    decisions = min(
        [
            installs,
            *_unbuilt(warehouse, ("clean", "installs", "attribution")),
        ]
    )
    events = min([decisions, *_unbuilt(warehouse, ("clean", "installs", "attribution", "events"))])
    return tuple(
        CompleteThrough(table, through_ms, reason)
        for table, (through_ms, reason) in (
            ("raw.requests", raw),
            ("clean.events", items),
            ("clean.touches", items),
            ("clean.failed", failed),
            ("mart.installs", installs),
            ("mart.attribution_candidates", decisions),
            ("mart.attributed_installs", decisions),
            ("mart.attributed_events", events),
        )
    )


def _collectors(
    warehouse: Warehouse, received_before_ms: int, silence_after_ms: int
) -> Iterable[tuple[int, str]]:
    """Yield the last word of every collector that is alive, or was until a moment ago."""
    newest: dict[str, tuple[int, int, bool]] = {}
    for collector_id, _, started_ms, reported_ms, is_final in warehouse.named_rows(
        "audit/collector_boots", {"received_from_ms": received_before_ms}
    ):
        newest[collector_id] = max(
            newest.get(collector_id, (0, 0, False)),
            (int(started_ms), int(reported_ms), bool(is_final)),
        )
    for collector_id, (_, reported_ms, is_final) in newest.items():
        if not is_final and received_before_ms - reported_ms <= silence_after_ms:
            yield reported_ms, f"last report of collector {collector_id}"


def _first_difference(
    comparisons: Sequence[Comparison], identities: tuple[Identity, ...]
) -> Iterable[tuple[int, str]]:
    for one in comparisons:
        if one.identity in identities and one.is_open:
            yield one.hour_ms, f"{one.identity.value} differs in this hour"


def _unbuilt(warehouse: Warehouse, marts: tuple[str, ...]) -> Iterable[tuple[int, str]]:
    for first_ms, due_days in warehouse.named_rows("audit/first_unbuilt", {"marts": list(marts)}):
        if due_days:
            yield int(first_ms), f"{due_days} day(s) wait to be built"
