"""The identities of reconciliation: each function counts both sides and names what differs.

Counting is SQL (`queries/audit`); what is done here is what a table cannot do well: offsets
that have no hour of their own, and asking for ids only where counts differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from unmogrowp.audits.counting import (
    DIFFERENCES_PER_IDENTITY,
    NAMES,
    Found,
    Span,
    day_ms,
    epoch_ms,
    exact,
)
from unmogrowp.audits.model import HOUR_MS, PRIMARY, Comparison, Difference, Identity
from unmogrowp.rulesets.assignment import DecidedSpan, span_params
from unmogrowp.warehouse.client import Warehouse


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
    doubled: dict[tuple[str, str, int], int] = {}
    for app_id, hour, topic, identifier, too_many in warehouse.named_rows(
        "audit/reconcile_stream_doubled", span.params()
    ):
        if epoch_ms(hour) + HOUR_MS <= span.received_from_ms:
            continue
        key = (app_id, topic, epoch_ms(hour))
        doubled[key] = doubled.get(key, 0) + int(too_many)
        differences.append(
            Difference(
                Identity.STREAM,
                app_id,
                epoch_ms(hour),
                "only_right",
                identifier,
                f"{topic}: {too_many + 1} times in raw.requests",
            )
        )
    comparisons = [
        exact(
            Identity.STREAM,
            topic,
            app_id,
            epoch_ms(hour),
            int(in_ranges) - doubled.get((app_id, topic, epoch_ms(hour)), 0),
            int(present),
        )
        for app_id, hour, topic, in_ranges, present in warehouse.named_rows(
            "audit/reconcile_stream", span.params()
        )
    ]
    comparisons += [
        exact(Identity.STREAM, topic, "", hour_ms, count, 0)
        for (topic, hour_ms), count in sorted(missing.items())
    ]
    if any(one.right > one.left for one in comparisons):
        limit = max(0, DIFFERENCES_PER_IDENTITY - len(differences))
        differences += [
            Difference(
                Identity.STREAM,
                app_id,
                epoch_ms(hour),
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
                *NAMES[Identity.STREAM][:1],
                count,
                *NAMES[Identity.STREAM][1:],
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


def items(warehouse: Warehouse, span: Span) -> Found:
    """Compare the items of requests with the rows they became, by count and by coordinates."""
    comparisons = []
    for app_id, hour, topic, left, right, is_same in warehouse.named_rows(
        "audit/reconcile_items", span.params()
    ):
        one = exact(Identity.ITEMS, topic, app_id, epoch_ms(hour), int(left), int(right))
        if one.difference == 0 and not is_same:
            one = _hidden_difference(warehouse, span, one)
        comparisons.append(one)
    return comparisons, list(
        _drill_down(
            warehouse,
            "audit/item_differences",
            comparisons,
            lambda one: {**span.params(), "hour": one.hour, "topic": one.scope},
        )
    )


def _hidden_difference(warehouse: Warehouse, span: Span, equal: Comparison) -> Comparison:
    """Return how many items differ where a lost row and a doubled one make equal counts."""
    count = len(
        warehouse.named_rows(
            "audit/item_differences",
            {
                **span.params(),
                "hour": equal.hour,
                "topic": equal.scope,
                "app_id": equal.app_id,
                "limit": DIFFERENCES_PER_IDENTITY,
            },
        )
    )
    note = f"equal counts, but {count} items differ by their coordinates"
    return replace(equal, difference=max(1, count), note=note)


def dead_letters(warehouse: Warehouse, span: Span) -> Found:
    """Compare records of the dead-letter topic with request-level failures."""
    comparisons = [
        exact(Identity.DEAD_LETTERS, "requests.dead_letter.v1", app_id, epoch_ms(hour), left, right)
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
    warehouse: Warehouse, span: Span, decided: Sequence[DecidedSpan], days_due: frozenset[date]
) -> Found:
    """Compare installs with decisions per day and ruleset, and with those that count.

    Days due for a build are left out.
    """
    comparisons = [
        exact(Identity.INSTALLS, ruleset_id, app_id, day_ms(day), int(left), int(right))
        for app_id, day, ruleset_id, left, right in warehouse.named_rows(
            "audit/reconcile_installs", {**span.params(), **_decided(decided)}
        )
        if day not in days_due
    ]
    return comparisons, list(
        _drill_down(
            warehouse,
            "audit/install_differences",
            comparisons,
            lambda one: {"day": one.hour.date(), "ruleset_id": one.scope, "primary": PRIMARY},
        )
    )


def revenue(
    warehouse: Warehouse, span: Span, decided: Sequence[DecidedSpan], days_due: frozenset[date]
) -> Found:
    """Compare revenue per day, currency and ruleset, and with that of the rows that count.

    Days due for a build are left out.
    """
    comparisons = [
        exact(
            Identity.REVENUE,
            f"{ruleset_id} {currency}".strip(),
            app_id,
            day_ms(day),
            _plain(left),
            _plain(right),
        )
        for app_id, day, ruleset_id, currency, left, right in warehouse.named_rows(
            "audit/reconcile_revenue", {**span.params(), **_decided(decided)}
        )
        if day not in days_due
    ]

    def params(one: Comparison) -> dict[str, Any]:
        ruleset_id, _, currency = one.scope.partition(" ")
        return {
            **span.params(),
            "day": one.hour.date(),
            "ruleset_id": ruleset_id,
            "primary": PRIMARY,
            "currency": currency,
        }

    return comparisons, list(
        _drill_down(warehouse, "audit/revenue_differences", comparisons, params)
    )


def _decided(spans: Sequence[DecidedSpan]) -> dict[str, Any]:
    return {**span_params(spans), "primary": PRIMARY}


def _plain(amount: Decimal) -> Decimal:
    """Return an amount without trailing zeros and without an exponent."""
    whole = amount.to_integral_value()
    return whole if amount == whole else amount.normalize()


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
