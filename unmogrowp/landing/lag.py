"""How far landing is behind the stream, per partition."""

from dataclasses import dataclass

from unmogrowp.landing.options import LANDED_TOPICS
from unmogrowp.landing.ranges import Ledger
from unmogrowp.landing.series import standings
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """Offsets of one partition; `is_open` when a planned range waits for its repeat."""

    topic: str
    topic_id: str
    partition: int
    landed_end: int
    begin: int
    end: int
    is_open: bool

    @property
    def offsets_behind(self) -> int:
        """Return how many offsets are not landed; 0 for a stream shorter than what was landed."""
        return max(self.end - self.landed_end, 0)

    @property
    def lost_offsets(self) -> int:
        """Return how many offsets were removed before they were landed."""
        return max(self.begin - self.landed_end, 0)


def lag(warehouse: Warehouse, reader: StreamReader) -> list[PartitionLag]:
    """Return the lag of every partition of every topic that is landed.

    Raises:
        SinkUnavailable: The stream cannot be asked.
        WarehouseUnavailable: The ledger cannot be asked.
    """
    ledger = Ledger(warehouse)
    open_ranges = {(planned.topic_id, planned.partition) for planned in ledger.open_ranges()}
    spans = reader.spans([str(topic) for topic in LANDED_TOPICS])
    return [
        PartitionLag(
            standing.span.topic,
            standing.span.topic_id,
            standing.span.partition,
            standing.landed_end,
            standing.span.begin,
            standing.span.end,
            is_open=(standing.span.topic_id, standing.span.partition) in open_ranges,
        )
        for standing in standings(spans, ledger.cursors())
    ]
