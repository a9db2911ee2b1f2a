"""Minutes in which a collector may have acknowledged requests without ever counting them.

A process that was killed takes the counts since its last report with it. What it acknowledged is
in the archive nevertheless; only the count to hold against it is gone. For those minutes the
upper bound of the collector's count is open, and the audit says so instead of hiding it.
"""

from dataclasses import dataclass

from unmogrowp.audits.model import HOUR_MS
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse


@dataclass(frozen=True, slots=True)
class SilentSpan:
    """`[from, until)` of one boot of one collector, after its last report."""

    collector_id: str
    boot_id: str
    from_ms: int
    until_ms: int

    def touches_hour(self, hour_ms: int) -> bool:
        """Return whether the span and the hour share an instant."""
        return self.from_ms < hour_ms + HOUR_MS and self.until_ms > hour_ms

    @property
    def sentence(self) -> str:
        """Return what is open, for people."""
        return (
            f"collector {self.collector_id} gave no later report: upper bound open from"
            f" {utc(self.from_ms):%Y-%m-%d %H:%M} to {utc(self.until_ms):%H:%M} UTC"
        )


def silent_spans(
    warehouse: Warehouse, received_from_ms: int, received_before_ms: int
) -> list[SilentSpan]:
    """Return the spans of boots that said nothing after their last report, and not that it was.

    Such a span ends where its slot has a later boot, or with the audited span: a collector that is
    alive then reports afterwards.
    """
    boots: dict[str, list[tuple[str, int, int, bool]]] = {}
    for collector_id, boot_id, started_ms, reported_ms, is_final in warehouse.named_rows(
        "audit/collector_boots", {"received_from_ms": received_from_ms}
    ):
        boots.setdefault(collector_id, []).append(
            (boot_id, int(started_ms), int(reported_ms), bool(is_final))
        )
    spans = []
    for collector_id, lives in boots.items():
        ends = [started for _, started, _, _ in lives[1:]] + [None]
        for (boot_id, _, reported_ms, is_final), next_start in zip(lives, ends, strict=True):
            if is_final:
                continue
            if next_start is not None:
                until_ms = max(next_start, reported_ms)
            elif reported_ms < received_before_ms:
                until_ms = received_before_ms
            else:
                continue
            spans.append(SilentSpan(collector_id, boot_id, reported_ms, until_ms))
    return [
        one for one in spans if one.until_ms > received_from_ms and one.from_ms < received_before_ms
    ]
