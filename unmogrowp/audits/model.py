"""What an audit compares and what it finds, before any of it is a row or a page."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from unmogrowp.clock import utc

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000


# Rows are counted, money is summed.
Amount = int | Decimal


class Identity(StrEnum):
    """Two counts that are equal when nothing was lost and nothing counted twice."""

    STREAM = "stream"
    COLLECTOR = "collector"
    ITEMS = "items"
    DEAD_LETTERS = "dead_letters"
    INSTALLS = "installs"
    REVENUE = "revenue"


# Compared per day and not per hour of receipt, for each ruleset and for what counts.
PER_DAY = (Identity.INSTALLS, Identity.REVENUE)
# Scope of the decisions that count, whichever ruleset made them; no ruleset can have this name.
PRIMARY = "(primary)"
# End of the scope of comparisons of items, beside those of the requests that held them.
ITEMS_SCOPE = " items"

SENTENCES = {
    Identity.STREAM: "Every offset that was landed is in raw.requests, and nothing else is.",
    Identity.COLLECTOR: "What the collectors acknowledged is what the archive holds.",
    Identity.ITEMS: "Every item of every request became exactly one row of the clean layer.",
    Identity.DEAD_LETTERS: "Every request that could not be read is kept with its reason.",
    Identity.INSTALLS: "Every install has exactly one decision: attributed, or organic.",
    Identity.REVENUE: "All revenue that was received has a source, and no more than that.",
}


class Mode(StrEnum):
    """What is left out."""

    SCHEDULED = "scheduled"  # the last two hours: they may still be arriving
    SYNC = "sync"  # nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two counts that should be equal, for one app and hour (installs: day).

    `difference` is signed: negative when the right side lacks rows. `accepted` names a difference
    somebody acknowledged; it stays visible and does not fail the audit.
    """

    identity: Identity
    scope: str
    app_id: str
    hour_ms: int
    left_name: str
    left: Amount
    right_name: str
    right: Amount
    difference: Amount
    note: str = ""
    is_accepted: bool = False

    @property
    def distance(self) -> Amount:
        """Return the difference without its sign."""
        return -self.difference if self.difference < 0 else self.difference

    @property
    def hour(self) -> datetime:
        """Return the beginning of the hour (installs: of the day)."""
        return utc(self.hour_ms)

    @property
    def is_summed(self) -> bool:
        """Return whether its amounts add up to those of its identity: others count them again."""
        if self.identity in PER_DAY:
            return self.scope.startswith(PRIMARY)
        return not self.scope.endswith(ITEMS_SCOPE)

    @property
    def is_open(self) -> bool:
        """Return whether this is a difference nobody has acknowledged."""
        return self.difference != 0 and not self.is_accepted


@dataclass(frozen=True, slots=True)
class Difference:
    """One id behind a difference."""

    identity: Identity
    app_id: str
    hour_ms: int
    side: str
    id: str
    detail: str

    @property
    def hour(self) -> datetime:
        """Return the beginning of the hour (installs: of the day)."""
        return utc(self.hour_ms)


@dataclass(frozen=True, slots=True)
class CompleteThrough:
    """A table holds everything received before this instant; `reason` says what limits it."""

    table: str
    through_ms: int
    reason: str

    @property
    def through(self) -> datetime:
        """Return the instant."""
        return utc(self.through_ms)


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """Everything one audit found."""

    audit_id: str
    mode: Mode
    audited_at_ms: int
    received_from_ms: int
    received_before_ms: int
    comparisons: tuple[Comparison, ...]
    differences: tuple[Difference, ...]
    completeness: tuple[CompleteThrough, ...] = field(default=())

    @property
    def open_comparisons(self) -> tuple[Comparison, ...]:
        """Return the comparisons that differ and that nobody has acknowledged."""
        return tuple(one for one in self.comparisons if one.is_open)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was compared, which proves nothing."""
        return not any(one.left or one.right for one in self.comparisons)

    @property
    def is_zero(self) -> bool:
        """Return whether rows were compared and every difference is zero or acknowledged."""
        return not self.is_empty and not self.open_comparisons

    @property
    def verdict(self) -> str:
        """Return the result in one sentence."""
        if self.is_empty:
            return "Nothing was compared: no row was received in the audited span."
        open_ones = self.open_comparisons
        accepted = sum(1 for one in self.comparisons if one.difference and one.is_accepted)
        extra = ""
        if accepted:
            extra = f" Acknowledged and still named: {accepted}."
        if not open_ones:
            return f"All {len(self.comparisons)} comparisons are equal.{extra}"
        names = ", ".join(sorted({one.identity.value for one in open_ones}))
        return f"{len(open_ones)} of {len(self.comparisons)} comparisons differ: {names}.{extra}"
