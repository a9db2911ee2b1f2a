"""How right decisions, fraud rules and models were, where the truth is known."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from pydantic import Field

from assets.attribution import DECISIONS, SNAPSHOTS
from assets.auditing import ReportFolder
from assets.failures import RETRY_POLICY, permanent_failures
from assets.installs import INSTALLS
from assets.tables import asset_key, table_spec
from unmogrowp.clock import Clock
from unmogrowp.scorecard.markdown import render_markdown
from unmogrowp.scorecard.recording import TABLE, record_scorecard
from unmogrowp.scorecard.report import render_html
from unmogrowp.scorecard.score import score_market
from unmogrowp.warehouse.client import Warehouse


class ScorecardConfig(dg.Config):
    """Which market to score; it has to be sent and decided before."""

    truth_folder: str = Field(
        description="Folder that `unmogrowp simulate --out` wrote, on the machine of the run"
    )
    app_id: str = Field(description="App the market was sent to")
    ruleset_id: str = Field(
        default="", description="Ruleset whose decisions are scored; empty: those that count"
    )


@dg.multi_asset(
    name="scorecards",
    specs=[
        table_spec(
            TABLE,
            group="scorecard",
            deps=[
                INSTALLS,
                "mart.attribution_candidates",
                DECISIONS,
                "mart.fraud_verdicts",
                "mart.channel_credit",
                SNAPSHOTS,
            ],
            text="Of simulated markets only: nobody knows what caused a real install. The page with"
            " plots is in the metadata.",
        )
    ],
    retry_policy=RETRY_POLICY,
)
def scorecards(
    context: dg.AssetExecutionContext,
    config: ScorecardConfig,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    report_folder: dg.ResourceParam[ReportFolder],
) -> Iterator[dg.MaterializeResult[None]]:
    """Hold the decisions about a simulated market against its truth, and keep what was found."""
    with permanent_failures(context):
        card = score_market(warehouse, Path(config.truth_folder), config.app_id, config.ruleset_id)
        rows = record_scorecard(warehouse, card, clock.now_ms())
        report_folder.path.mkdir(parents=True, exist_ok=True)
        page = report_folder.path / f"scorecard-{card.app_id}-{card.ruleset_id}.html"
        page.write_text(render_html([card]), encoding="utf-8")
    yield dg.MaterializeResult(
        asset_key=asset_key(TABLE),
        metadata={
            "dagster/row_count": rows,
            "installs": card.installs,
            "absent": list(card.absent),
            "scorecard": dg.MetadataValue.md(render_markdown([card], "the asset audit.scorecards")),
            "page": dg.MetadataValue.path(page),
        },
    )
