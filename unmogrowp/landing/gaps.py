"""Lost offsets: looked at, and accepted by a person who knows that they are lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unmogrowp.clock import Clock
from unmogrowp.errors import StreamGap
from unmogrowp.landing.land import AfterPublish, Lander, is_complete
from unmogrowp.landing.options import LANDED_TOPICS, LandingOptions
from unmogrowp.landing.ranges import LandingRange, Ledger
from unmogrowp.landing.series import Gap, standings
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse


@dataclass(frozen=True, slots=True)
class AcceptedGap:
    """A gap that was written into the ledger; the reconciliation names it from now on."""

    gap: Gap
    note: str


def find_gaps(warehouse: Warehouse, reader: StreamReader) -> list[Gap]:
    """Return what retention removed before it was landed, per partition."""
    ledger = Ledger(warehouse)
    spans = reader.spans([str(topic) for topic in LANDED_TOPICS])
    begins = {(span.topic_id, span.partition): span.begin for span in spans}
    present = {span.topic: span.topic_id for span in spans}
    gaps: list[Gap] = []
    settled: dict[tuple[str, int], int] = {}
    for planned in ledger.open_ranges():
        # An open range needs the stream again, unless raw.requests has all of it.
        begin = begins.get((planned.topic_id, planned.partition), planned.end)
        is_gone = begin > planned.start or present.get(planned.topic) != planned.topic_id
        if is_gone and not is_complete(warehouse, planned):
            gaps.append(_gap_of(planned))
        settled[planned.topic_id, planned.partition] = planned.end
    for standing in standings(spans, ledger.cursors()):
        key = (standing.span.topic_id, standing.span.partition)
        gap = replace(standing, landed_end=settled.get(key, standing.landed_end)).gap
        if gap is not None:
            gaps.append(gap)
    return gaps


def accept_gap(
    warehouse: Warehouse,
    reader: StreamReader,
    clock: Clock,
    topic: str,
    partition: int,
    note: str,
    *,
    options: LandingOptions | None = None,
    after_publish: Sequence[AfterPublish] = (),
) -> AcceptedGap:
    """Write one gap down as accepted, so that landing goes on after it; under the pipeline lock.

    Of a planned range that was never finished, what raw.requests holds is landed first; the rest
    of it is what the row gives up.

    Raises:
        StreamGap: There is no gap in this partition now.
    """
    ledger = Ledger(warehouse)
    gap = next(
        (g for g in find_gaps(warehouse, reader) if (g.topic, g.partition) == (topic, partition)),
        None,
    )
    if gap is None:
        raise StreamGap(f"{topic}/{partition} has no gap: nothing was accepted")
    planned = _planned_at(ledger, gap.topic_id, gap.partition)
    if planned is not None:
        Lander(warehouse, reader, clock, options, after_publish).finish_from_raw(planned)
    lost = LandingRange(
        planned.landing_seq if planned else 0,
        gap.topic,
        gap.topic_id,
        gap.partition,
        gap.start,
        gap.end,
    )
    ledger.settle(lost, "gap_accepted", note, clock.now_ms())
    return AcceptedGap(gap, note)


def _planned_at(ledger: Ledger, topic_id: str, partition: int) -> LandingRange | None:
    for planned in ledger.open_ranges():
        if (planned.topic_id, planned.partition) == (topic_id, partition):
            return planned
    return None


def _gap_of(planned: LandingRange) -> Gap:
    return Gap(planned.topic, planned.topic_id, planned.partition, planned.start, planned.end)
