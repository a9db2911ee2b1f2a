"""What to read next: the stream as it is now held against the ledger.

A topic that was deleted and created anew starts at offset 0 under another id; its rows must not be
taken for those landed before. Offsets that retention removed before they were landed are lost, and
that is never skipped in silence: the partition stops until a person accepts the gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from unmogrowp.errors import StreamGap
from unmogrowp.landing.ranges import Cursor, LandingRange
from unmogrowp.stream.port import PartitionSpan


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets `[start, end)` that were removed from the stream before they were landed."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int

    def __str__(self) -> str:
        """Return the form people read."""
        return f"{self.topic}/{self.partition} [{self.start}, {self.end})"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one partition stands: what is settled and what the stream holds."""

    span: PartitionSpan
    landed_end: int

    @property
    def gap(self) -> Gap | None:
        """Return what was removed before it was landed."""
        if self.span.begin <= self.landed_end:
            return None
        span = self.span
        return Gap(span.topic, span.topic_id, span.partition, self.landed_end, span.begin)

    def require_consistent(self) -> None:
        """Refuse a stream that is shorter than what was landed from it.

        Raises:
            StreamGap: Offsets were landed that the same topic does not have (any more).
        """
        if self.landed_end > self.span.end:
            raise StreamGap(
                f"{self.span.topic}/{self.span.partition} ends at {self.span.end}, but"
                f" {self.landed_end} was landed from the same topic id {self.span.topic_id}: the"
                " broker lost acknowledged records or was restored from an older copy"
            )


def standings(
    spans: Sequence[PartitionSpan], cursors: dict[tuple[str, str, int], Cursor]
) -> list[Standing]:
    """Return where every partition of the stream stands, in the order of the spans."""
    found = []
    for span in spans:
        cursor = cursors.get((span.topic, span.topic_id, span.partition))
        found.append(Standing(span, cursor.landed_end if cursor else 0))
    return found


def ended_series(
    spans: Sequence[PartitionSpan], cursors: dict[tuple[str, str, int], Cursor]
) -> list[tuple[LandingRange, str]]:
    """Return the series whose topic was created anew, with the note to write beside their end."""
    present = {span.topic: span.topic_id for span in spans}
    return [
        (
            LandingRange(
                0,
                cursor.topic,
                cursor.topic_id,
                cursor.partition,
                cursor.landed_end,
                cursor.landed_end,
            ),
            f"the topic was created anew as {present[cursor.topic]}; what the old one held from"
            f" offset {cursor.landed_end} on was never read",
        )
        for cursor in cursors.values()
        if cursor.topic in present
        and cursor.topic_id != present[cursor.topic]
        and not cursor.is_series_ended
    ]
