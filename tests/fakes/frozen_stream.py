"""A stream that several processes read the same: records and topic ids live in a file."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmogrowp.contracts.topics import Topic
from unmogrowp.stream.memory import MemoryStream
from unmogrowp.stream.port import PartitionSpan, StreamRecord


@dataclass(frozen=True)
class FrozenStream:
    """Everything a memory stream held at one moment."""

    held: list[PartitionSpan]
    records: dict[tuple[str, int], list[StreamRecord]]

    @classmethod
    def of(cls, stream: MemoryStream) -> "FrozenStream":
        spans = stream.spans([str(topic) for topic in Topic])
        records: dict[tuple[str, int], list[StreamRecord]] = {}
        for span in spans:
            for record in stream.records(span.topic):
                if record.partition == span.partition:
                    records.setdefault((span.topic, span.partition), []).append(record)
        return cls(spans, records)

    def save(self, file: Path) -> None:
        file.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(file: Path) -> "FrozenStream":
        loaded = pickle.loads(file.read_bytes())
        assert isinstance(loaded, FrozenStream)
        return loaded

    def spans(self, topics: Sequence[str]) -> list[PartitionSpan]:
        return [span for span in self.held if span.topic in topics]

    def read(
        self, topic: str, partition: int, start: int, end: int, *, max_bytes: int, max_records: int
    ) -> Iterator[StreamRecord]:
        size = 0
        for count, record in enumerate(self.records.get((topic, partition), [])[start:end]):
            size += len(record.value)
            if count and (count >= max_records or size > max_bytes):
                return
            yield record

    def close(self) -> None:
        """Nothing to let go of."""
