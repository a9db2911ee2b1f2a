"""Reads the stream range by range, and has the next one staged where that is worth it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from unmogrowp.contracts.topics import Topic
from unmogrowp.errors import StreamGap
from unmogrowp.landing.ahead import AheadStager, StagedAhead
from unmogrowp.landing.options import LandingOptions
from unmogrowp.landing.ranges import LandingRange
from unmogrowp.landing.records import raw_table
from unmogrowp.stream.port import StreamReader, StreamRecord

_NO_BOUND = 2**62
_WORTH_STAGING = 4 * 1024 * 1024


@dataclass(slots=True)
class ReadRange:
    """What was read of the stream for a range, before anything was written down about it.

    Attributes:
        wanted: The offsets.
        records: Reports of collectors, as they came.
        rows: Requests, as rows of raw.requests; None for reports.
        ahead: What was staged of them already, if anything.
    """

    wanted: LandingRange
    records: Sequence[StreamRecord]
    rows: pa.Table | None
    ahead: StagedAhead | None = None


class RangeReader:
    """Reads ranges within the bounds of the options.

    `next_number` is the landing_seq that the next range will get: the lander sets it to the number
    after that of the range it has just planned. It is 0 before the first, while nobody knows.
    """

    def __init__(self, reader: StreamReader, options: LandingOptions) -> None:
        self._reader = reader
        self._options = options
        self.next_number = 0

    def read(self, wanted: Iterable[LandingRange], stager: AheadStager) -> Iterator[ReadRange]:
        """Read what is wanted part by part; each ends after the last record it holds."""
        self.next_number = 0
        for whole in wanted:
            part = replace(whole, end=whole.start)
            while part.end < whole.end:
                part = replace(part, start=part.end, end=whole.end)
                records = self._records(
                    part,
                    max_bytes=self._options.range_bytes,
                    max_records=self._options.range_records,
                )
                if records:
                    part = replace(part, end=records[-1].offset + 1)
                if part.topic == Topic.COLLECTOR_STATS:
                    yield ReadRange(part, records, None)
                    continue
                # Bodies are held once: as rows, or as records where there are none.
                rows = raw_table(records)
                del records
                read = ReadRange(part, [], rows)
                # A few rows that are all there is are not worth tables of their own.
                if rows and self.next_number and (rows.nbytes >= _WORTH_STAGING or part != whole):
                    read.ahead = stager.stage(part, rows, self.next_number)
                yield read

    def read_again(self, planned: LandingRange) -> list[StreamRecord]:
        """Return the records of a range that was planned."""
        return self._records(planned, max_bytes=_NO_BOUND, max_records=_NO_BOUND)

    def _records(
        self, wanted: LandingRange, *, max_bytes: int, max_records: int
    ) -> list[StreamRecord]:
        records = list(
            self._reader.read(
                wanted.topic,
                wanted.partition,
                wanted.start,
                wanted.end,
                max_bytes=max_bytes,
                max_records=max_records,
            )
        )
        strangers = {record.topic_id for record in records} - {wanted.topic_id}
        if strangers:
            raise StreamGap(f"{wanted} was planned for topic id {wanted.topic_id}, not {strangers}")
        return records
