"""What all identities share: the audited span, names of both sides, plain comparisons."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from unmogrowp.audits.model import DAY_MS, Amount, Comparison, Difference, Identity

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


NAMES = {
    Identity.STREAM: ("offsets in landed ranges", "records in raw.requests"),
    Identity.COLLECTOR: ("acknowledged by collectors", "in raw.requests"),
    Identity.ITEMS: ("items of requests", "clean rows, failures and duplicates"),
    Identity.DEAD_LETTERS: ("dead-letter records", "request-level failures"),
    Identity.INSTALLS: ("installs", "decisions"),
    Identity.REVENUE: (
        "revenue of events, all currencies",
        "revenue of attributed events, all currencies",
    ),
}


def exact(
    identity: Identity, scope: str, app_id: str, hour_ms: int, left: Amount, right: Amount
) -> Comparison:
    """Return two counts that are equal or not, without any interval."""
    left_name, right_name = NAMES[identity]
    return Comparison(
        identity, scope, app_id, hour_ms, left_name, left, right_name, right, right - left
    )


def epoch_ms(instant: datetime) -> int:
    """Return epoch milliseconds of an instant without fractions of a second."""
    return int(instant.timestamp()) * 1000


def day_ms(day: date) -> int:
    """Return epoch milliseconds of the beginning of a UTC day."""
    return (day - date(1970, 1, 1)).days * DAY_MS
