"""What may be tuned about landing, and the names of the tables it works in."""

from dataclasses import dataclass

from unmogrowp.contracts.topics import Topic

DAY_MS = 86_400_000
RAW_TOPICS = (Topic.EVENTS, Topic.TOUCHES, Topic.POSTBACKS, Topic.DEAD_LETTERS)
LANDED_TOPICS = (*RAW_TOPICS, Topic.COLLECTOR_STATS)
# clean table -> name of its key column and the kind of its copies in clean.duplicates
KEYED_TABLES = {"events": ("message_id", "event"), "touches": ("touch_id", "touch")}


@dataclass(frozen=True, slots=True)
class LandingOptions:
    """Bounds of a range and the rules of cleaning."""

    range_bytes: int = 64 * 1024 * 1024
    range_records: int = 20_000
    dedup_horizon_days: int = 30
    max_event_age_days: int = 3 * 365

    @property
    def horizon_ms(self) -> int:
        """Return the deduplication horizon in milliseconds; its edge is in."""
        return self.dedup_horizon_days * DAY_MS

    @property
    def max_age_ms(self) -> int:
        """Return the greatest age of an event in milliseconds; its edge is in."""
        return self.max_event_age_days * DAY_MS


@dataclass(frozen=True, slots=True)
class CleanTables:
    """One table per clean table: those of a range being landed, or of a day being rebuilt."""

    events: str
    touches: str
    failed: str
    duplicates: str

    def items(self) -> list[tuple[str, str]]:
        """Return (clean table, this table) in the order in which they are published."""
        return [
            ("clean.events", self.events),
            ("clean.touches", self.touches),
            ("clean.failed", self.failed),
            ("clean.duplicates", self.duplicates),
        ]


STAGING = CleanTables("staging.events", "staging.touches", "staging.failed", "staging.duplicates")
