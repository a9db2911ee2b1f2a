"""Which identifiers are one device: components of everything that was seen together."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from assets.checks.evaluations import evaluations
from assets.checks.runner import QualityRunner, TableReport
from assets.failures import RETRY_POLICY, permanent_failures
from assets.locking import PipelineLock
from assets.tables import asset_key, table_spec
from unmogrowp.clock import Clock
from unmogrowp.errors import AuditFailed
from unmogrowp.identity.build import IdentityOptions, Stitcher
from unmogrowp.identity.builds import Stitching
from unmogrowp.landing.ranges import Ledger
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.quality import QualityResult

IDENTITIES = "clean.identities"


class StitchConfig(dg.Config):
    """How much to read; the default is what landed since the last build."""

    is_full: bool = Field(
        default=False,
        description="Read the links of all events anew, as after a change of the rules; the"
        " result is the same unless a rule changed",
    )


@dg.op(
    description="Stitches the identifiers of what landed since the last build into components."
    " Days whose published installs come out otherwise become due.",
    pool="marts",
    retry_policy=RETRY_POLICY,
    out=dg.Out(dg.Nothing),
)
def stitch_identities(
    context: dg.OpExecutionContext,
    config: StitchConfig,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    identity_options: dg.ResourceParam[IdentityOptions],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[None]]:
    """Build, and report what changed."""
    with permanent_failures(context):
        try:
            with pipeline_lock.held("identities") as lock:
                stitcher = Stitcher(warehouse, clock, identity_options, verify_lock=lock.verify)
                done = stitcher.stitch(Ledger(warehouse).watermark(), is_full=config.is_full)
        except AuditFailed as error:
            yield from _shown(
                quality, tuple(one for one in error.results if isinstance(one, QualityResult))
            )
            raise
    for stitching in done:
        yield from _shown(quality, stitching.checks)
        yield from _materializations(stitching)
        context.log.info("%s", stitching.summary)
    yield dg.Output(None)


def _shown(
    quality: QualityRunner, results: tuple[QualityResult, ...]
) -> Iterator[dg.AssetCheckEvaluation]:
    if results:
        quality.record(results)
        yield from evaluations(TableReport(IDENTITIES, "", results))


def _materializations(stitching: Stitching) -> Iterator[dg.AssetMaterialization]:
    counts = stitching.counts
    if not counts.row_count:
        return
    yield dg.AssetMaterialization(
        asset_key("clean.identity_links"), metadata={"links_changed": counts.link_count}
    )
    yield dg.AssetMaterialization(
        asset_key(IDENTITIES),
        metadata={
            "rows_changed": counts.row_count,
            "identifiers_stitched": counts.node_count,
            "devices_moved": counts.moved_count,
            "identifiers_cut": counts.cut_count,
            "days_touched": counts.touched_days,
            "is_full": stitching.build.is_full,
            "watermark": stitching.build.through_seq,
        },
    )


links = table_spec(
    "clean.identity_links",
    group="identity",
    deps=["clean.events", "audit.rebuilt_devices"],
    text="The graph: a device key and what it was seen with. Kept from both ends, so that a build"
    " reaches what a new link touches and nothing else.",
)
identities = table_spec(
    IDENTITIES,
    group="identity",
    deps=["clean.identity_links"],
    text="Device and anonymous identifiers join components, user ids and hashed e-mail addresses"
    " only attach to them. Built by the first op of `marts_job`; a function of the set of events,"
    " whatever their order.",
)
identity_builds = table_spec(
    "audit.identity_builds",
    group="identity",
    deps=[IDENTITIES],
    text="A build that is planned and not built was interrupted; the next one repeats it.",
)
identity_cuts = table_spec(
    "audit.identity_cuts",
    group="identity",
    deps=[IDENTITIES],
    text="Test phones, shared devices and ids that say nothing: what would have joined too many.",
)
restatements = table_spec(
    "audit.restatements",
    group="identity",
    deps=[IDENTITIES, "mart.installs"],
    text="Written before the days are built again, so that a changed number can be explained.",
)
rebuilt_devices = table_spec(
    "audit.rebuilt_devices",
    group="identity",
    deps=["clean.events"],
    text="Written by rebuilds of days of the clean tables before they swap rows.",
)
TABLES = (links, identities, identity_builds, identity_cuts, restatements, rebuilt_devices)
