"""Raw requests as they came, and the ledger of what was landed.

A micro-batch touches several days, so landing is an op of `ingest_job` that reports what it added
per table and day, here and in the clean tables.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dagster as dg
from pydantic import Field

from assets.checks.micro_batches import micro_batch_evaluations
from assets.failures import RETRY_POLICY, permanent_failures
from assets.locking import PipelineLock
from assets.tables import asset_key, table_spec
from unmogrowp.clock import Clock
from unmogrowp.errors import UnmogrowpError
from unmogrowp.landing.land import AfterPublish, Lander, LandingReport
from unmogrowp.landing.options import LandingOptions
from unmogrowp.landing.rebuild import Audit, Rebuilder
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse

REQUESTS = "raw.requests"


class EndOffset(dg.Config):
    """Where to stop in one partition of the stream."""

    topic: str = Field(description="Topic")
    partition: int = Field(ge=0, description="Partition")
    end: int = Field(ge=0, description="Offset after the last one to land")


class LandingConfig(dg.Config):
    """How far to land; by default up to the ends that the stream has when the op begins."""

    until: list[EndOffset] = Field(
        default_factory=list,
        description="Ends to stop at; a partition that is not named is not read. Empty: all of it",
    )


@dataclass(frozen=True, slots=True)
class LandingTools:
    """What landing needs; built by the resource, with a lock put in when the work begins."""

    warehouse: Warehouse
    reader: StreamReader
    clock: Clock
    options: LandingOptions = field(default_factory=LandingOptions)
    after_publish: tuple[AfterPublish, ...] = ()
    run_id: str = ""
    # Called besides `after_publish` with what a rebuild changes; landing only ever adds rows.
    after_rebuild: tuple[AfterPublish, ...] = ()

    def lander(self, verify_lock: Callable[[], None]) -> Lander:
        """Return a lander that checks before each write that the lock is still held."""
        return Lander(
            self.warehouse,
            self.reader,
            self.clock,
            self.options,
            self.after_publish,
            verify_lock=verify_lock,
            run_id=self.run_id,
        )

    def rebuilder(self, verify_lock: Callable[[], None], audit: Audit) -> Rebuilder:
        """Return what makes days anew; `audit` is asked about each staged table."""
        return Rebuilder(
            self.warehouse,
            self.clock,
            self.options,
            (*self.after_publish, *self.after_rebuild),
            audit=audit,
            verify_lock=verify_lock,
        )


@dg.op(
    description="Lands what the stream holds, range by range, each exactly once: raw.requests,"
    " then clean.*, then the queue of days whose marts it touches.",
    pool="landing",
    retry_policy=RETRY_POLICY,
    out={},
)
def land_micro_batches(
    context: dg.OpExecutionContext,
    config: LandingConfig,
    landing: dg.ResourceParam[LandingTools],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Land, then report every partition that was touched and what the assertions said."""
    until = {(end.topic, end.partition): end.end for end in config.until} or None
    landed: list[int] = []
    with permanent_failures(context):
        try:
            with pipeline_lock.held("landing") as lock:
                report = landing.lander(lock.verify).land(
                    until, lambda one: landed.append(one.landing_range.landing_seq)
                )
        except UnmogrowpError:
            # What was landed before it is landed, and what the assertions said is why it ended.
            yield from _touched_partitions(landing.warehouse, landed)
            yield from micro_batch_evaluations(landing.warehouse, landing.run_id)
            raise
        yield from _touched_partitions(landing.warehouse, landed)
        yield from micro_batch_evaluations(landing.warehouse, landing.run_id)
        context.log.info("%s", summary(report))


def summary(report: LandingReport) -> str:
    """Return one line for people: records read, rows made, what was set aside."""
    return (
        f"{len(report.ranges)} ranges, {report.record_count} records: {report.total('events')}"
        f" events, {report.total('touches')} touches, {report.total('duplicates')} copies,"
        f" {report.total('failed_items') + report.total('failed_requests')} failed;"
        f" watermark {report.watermark}"
    )


def _touched_partitions(
    warehouse: Warehouse, landing_seqs: list[int]
) -> Iterator[dg.AssetMaterialization]:
    if not landing_seqs:
        return
    for table, day, row_count, first, last in warehouse.named_rows(
        "audit/landed_partitions", {"landing_seqs": landing_seqs}
    ):
        yield dg.AssetMaterialization(
            asset_key(str(table)),
            partition=day.isoformat(),
            metadata={
                "rows_landed": int(row_count),
                "first_received_at": dg.MetadataValue.timestamp(first),
                "last_received_at": dg.MetadataValue.timestamp(last),
                "watermark": max(landing_seqs),
            },
        )
    yield dg.AssetMaterialization(
        asset_key("audit.landing_ranges"),
        metadata={"ranges_landed": len(landing_seqs), "watermark": max(landing_seqs)},
    )


raw_requests = table_spec(
    REQUESTS,
    group="landing",
    text="Landed from the stream by `ingest_job`; nothing but the stream can make it again.",
)
landing_ranges = table_spec(
    "audit.landing_ranges",
    group="landing",
    text="The ledger of landing: offsets live beside the data, so a warehouse that was restored"
    " from a backup lands again what it lacks.",
)
touched_days = table_spec(
    "audit.touched_days",
    group="landing",
    deps=["clean.events", "clean.touches"],
    text="The queue that a sensor turns into runs of `marts_job` and `rebuild_job`.",
)
