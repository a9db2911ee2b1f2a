"""What collectors say they acknowledged, against the archive: a distance between intervals."""

from unmogrowp.audits.counting import DIFFERENCES_PER_IDENTITY, NAMES, Found, Span, epoch_ms
from unmogrowp.audits.model import ITEMS_SCOPE, Comparison, Difference, Identity
from unmogrowp.audits.silence import SilentSpan, silent_spans
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse


def collector(warehouse: Warehouse, span: Span) -> Found:
    """Compare what collectors counted with what the archive holds.

    A request whose outcome was never learnt may be there or not, so the left side is an interval;
    for a boot that ended without its last report its upper bound is open for the minutes between
    that report and the next boot.
    """
    silent = silent_spans(warehouse, span.received_from_ms, span.received_before_ms)
    comparisons: list[Comparison] = []
    for row in warehouse.named_rows("audit/reconcile_collector", span.params()):
        app_id, hour, topic = row[:3]
        for unit, (acknowledged, unknown, settled, present) in (
            (" requests", (row[3], row[5], row[7], row[9])),
            (ITEMS_SCOPE, (row[4], row[6], row[8], row[10])),
        ):
            comparisons.append(
                _collector_comparison(
                    f"{topic}{unit}",
                    app_id,
                    epoch_ms(hour),
                    (int(acknowledged), int(unknown)),
                    (int(settled), int(present)),
                    [one for one in silent if one.touches_hour(epoch_ms(hour))],
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
    left_name, right_name = NAMES[Identity.COLLECTOR]
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
