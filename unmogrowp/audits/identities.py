"""The identities of reconciliation: each function counts both sides and names what differs.

Counting is SQL (`queries/audit`); what is done here is what a table cannot do well: intervals
that are open for some minutes, offsets that have no hour of their own, and asking for ids only
where counts differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from unmogrowp.audits.model import DAY_MS, HOUR_MS, Comparison, Difference, Identity
from unmogrowp.audits.silence import SilentSpan, silent_spans
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

DIFFERENCES_PER_IDENTITY = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """The instants of receipt that are audited: `[received_from, received_before)`."""

    received_from_ms: int
    received_before_ms: int

    def params(self) -> dict[str, Any]:
        """Return the parameters every audit query has."""
        return {
            "received_from_ms": self.received_from_ms,
            "received_before_ms": self.received_before_ms,
        }

    def holds(self, epoch_ms: int) -> bool:
        """Return whether an instant lies in the span."""
        return self.received_from_ms <= epoch_ms < self.received_before_ms


Found = tuple[list[Comparison], list[Difference]]


def stream(warehouse: Warehouse, span: Span, audited_at_ms: int) -> Found:
    """Compare offsets of landed ranges with records of raw.requests."""
    missing: dict[tuple[str, int], int] = {}
    differences: list[Difference] = []
    rows = warehouse.named_rows("audit/reconcile_stream_missing", span.params())
    for topic, topic_id, partition, first, end, near_ms in rows:
        hour_ms = int(near_ms) // HOUR_MS * HOUR_MS
        if not span.holds(int(near_ms)):
            continue
        missing[topic, hour_ms] = missing.get((topic, hour_ms), 0) + int(end) - int(first)
        for offset in range(int(first), int(end)):
            if len(differences) >= DIFFERENCES_PER_IDENTITY:
                break
            differences.append(
                Difference(
                    Identity.STREAM,
                    "",
                    hour_ms,
                    "only_left",
                    f"{topic_id}/{partition}/{offset}",
                    f"{topic}: landed, but not in raw.requests",
                )
            )
    comparisons = [
        _exact(Identity.STREAM, topic, app_id, _ms(hour), int(in_ranges), int(present))
        for app_id, hour, topic, in_ranges, present in warehouse.named_rows(
            "audit/reconcile_stream", span.params()
        )
    ]
    comparisons += [
        _exact(Identity.STREAM, topic, "", hour_ms, count, 0)
        for (topic, hour_ms), count in sorted(missing.items())
    ]
    if any(one.right > one.left for one in comparisons):
        limit = DIFFERENCES_PER_IDENTITY - len(differences)
        differences += [
            Difference(
                Identity.STREAM,
                app_id,
                _ms(hour),
                "only_right",
                identifier,
                f"{topic}: in raw.requests, but in no landed range",
            )
            for app_id, hour, topic, identifier in warehouse.named_rows(
                "audit/reconcile_stream_unplanned", {**span.params(), "limit": limit}
            )
        ]
    gaps, gap_ids = accepted_gaps(warehouse, audited_at_ms)
    return comparisons + gaps, (differences + gap_ids)[:DIFFERENCES_PER_IDENTITY]


def accepted_gaps(warehouse: Warehouse, audited_at_ms: int) -> Found:
    """Return the ranges the stream lost and somebody acknowledged, as named differences."""
    comparisons, differences = [], []
    for topic, topic_id, partition, start, end, accepted_ms, note in warehouse.named_rows(
        "audit/accepted_gaps", {"recorded_before_ms": audited_at_ms + 1}
    ):
        count = int(end) - int(start)
        hour_ms = int(accepted_ms) // HOUR_MS * HOUR_MS
        named = f"accepted gap {topic}/{partition} [{start}, {end}): {note}"
        comparisons.append(
            Comparison(
                Identity.STREAM,
                f"{topic} (accepted gap)",
                "",
                hour_ms,
                *_NAMES[Identity.STREAM][:1],
                count,
                *_NAMES[Identity.STREAM][1:],
                0,
                -count,
                named,
                is_accepted=True,
            )
        )
        differences.append(
            Difference(
                Identity.STREAM,
                "",
                hour_ms,
                "only_left",
                f"{topic_id}/{partition}/{start}-{end}",
                named,
            )
        )
    return comparisons, differences


def collector(warehouse: Warehouse, span: Span, silence_after_ms: int) -> Found:
    """Compare what collectors counted with what the archive holds.

    A request whose outcome was never learnt may be there or not, so the left side is an interval;
    for a boot that ended without its last report its upper bound is open for the minutes between
    that report and the next boot.
    """
    silent = silent_spans(
        warehouse, span.received_from_ms, span.received_before_ms, silence_after_ms
    )
    comparisons: list[Comparison] = []
    for row in warehouse.named_rows("audit/reconcile_collector", span.params()):
        app_id, hour, topic = row[:3]
        for unit, (acknowledged, unknown, settled, present) in (
            ("requests", (row[3], row[5], row[7], row[9])),
            ("items", (row[4], row[6], row[8], row[10])),
        ):
            comparisons.append(
                _collector_comparison(
                    f"{topic} {unit}",
                    app_id,
                    _ms(hour),
                    (int(acknowledged), int(unknown)),
                    (int(settled), int(present)),
                    [one for one in silent if one.touches_hour(_ms(hour))],
                )
            )
    differences = [
        Difference(
            Identity.COLLECTOR,
            one.app_id,
            one.hour_ms,
            "counted",
            f"{one.scope} {utc(one.hour_ms):%Y-%m-%dT%H}",
            f"collectors counted {one.left}, raw.requests holds {one.right}. {one.note}".strip(),
        )
        for one in comparisons
        if one.difference
    ]
    return comparisons, differences[:DIFFERENCES_PER_IDENTITY]


def _collector_comparison(
    scope: str,
    app_id: str,
    hour_ms: int,
    left: tuple[int, int],
    right: tuple[int, int],
    silent: list[SilentSpan],
) -> Comparison:
    """Return the distance between [acknowledged, acknowledged + unknown] and the archive.

    Rows that were received before the end of the span must not exceed the upper bound; rows that
    are there at all, also later ones of the same hour, must reach the lower bound.
    """
    acknowledged, unknown = left
    settled, present = right
    notes = [f"{unknown} of unknown outcome"] if unknown else []
    notes += [one.sentence for one in silent]
    if present < acknowledged:
        difference = present - acknowledged
    elif settled > acknowledged + unknown and not silent:
        difference = settled - acknowledged - unknown
    else:
        difference = 0
    left_name, right_name = _NAMES[Identity.COLLECTOR]
    # What is shown on the right is what was held against the bound that matters.
    shown = min(max(settled, min(acknowledged, present)), present)
    return Comparison(
        Identity.COLLECTOR,
        scope,
        app_id,
        hour_ms,
        left_name,
        acknowledged,
        right_name,
        shown,
        difference,
        "; ".join(notes),
    )


def items(warehouse: Warehouse, span: Span) -> Found:
    """Compare the items of requests with the rows they became."""
    comparisons = [
        _exact(Identity.ITEMS, topic, app_id, _ms(hour), int(left), int(right))
        for app_id, hour, topic, left, right in warehouse.named_rows(
            "audit/reconcile_items", span.params()
        )
    ]
    return comparisons, list(
        _drill_down(
            warehouse,
            "audit/item_differences",
            comparisons,
            lambda one: {**span.params(), "hour": one.hour, "topic": one.scope},
        )
    )


def dead_letters(warehouse: Warehouse, span: Span) -> Found:
    """Compare records of the dead-letter topic with request-level failures."""
    comparisons = [
        _exact(Identity.DEAD_LETTERS, "requests.dead_letter.v1", app_id, _ms(hour), left, right)
        for app_id, hour, left, right in warehouse.named_rows(
            "audit/reconcile_dead_letters", span.params()
        )
    ]
    return comparisons, list(
        _drill_down(
            warehouse,
            "audit/dead_letter_differences",
            comparisons,
            lambda one: {**span.params(), "hour": one.hour},
        )
    )


def installs(
    warehouse: Warehouse, span: Span, ruleset_ids: tuple[str, ...], days_due: frozenset[date]
) -> Found:
    """Compare installs with decisions per day and ruleset; days due for a build are left out."""
    comparisons = [
        _exact(Identity.INSTALLS, ruleset_id, app_id, _day_ms(day), int(left), int(right))
        for app_id, day, ruleset_id, left, right in warehouse.named_rows(
            "audit/reconcile_installs", {**span.params(), "ruleset_ids": list(ruleset_ids)}
        )
        if day not in days_due
    ]
    return comparisons, list(
        _drill_down(
            warehouse,
            "audit/install_differences",
            comparisons,
            lambda one: {"day": one.hour.date(), "ruleset_id": one.scope},
        )
    )


_NAMES = {
    Identity.STREAM: ("offsets in landed ranges", "records in raw.requests"),
    Identity.COLLECTOR: ("acknowledged by collectors", "in raw.requests"),
    Identity.ITEMS: ("items of requests", "clean rows, failures and duplicates"),
    Identity.DEAD_LETTERS: ("dead-letter records", "request-level failures"),
    Identity.INSTALLS: ("installs", "decisions"),
}


def _exact(
    identity: Identity, scope: str, app_id: str, hour_ms: int, left: int, right: int
) -> Comparison:
    left_name, right_name = _NAMES[identity]
    return Comparison(
        identity, scope, app_id, hour_ms, left_name, left, right_name, right, right - left
    )


def _drill_down(
    warehouse: Warehouse, query: str, comparisons: list[Comparison], params_of: Any
) -> Iterator[Difference]:
    left_over = DIFFERENCES_PER_IDENTITY
    for one in comparisons:
        if one.difference == 0 or left_over <= 0:
            continue
        params = {**params_of(one), "app_id": one.app_id, "limit": left_over}
        for side, identifier, detail in warehouse.named_rows(query, params):
            left_over -= 1
            yield Difference(one.identity, one.app_id, one.hour_ms, side, identifier, detail)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp()) * 1000


def _day_ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS
