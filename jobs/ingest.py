"""Lands what the stream holds; the lag sensor launches it, `unmogrowp sync` too."""

import dagster as dg

from assets.landing import land_micro_batches


@dg.job(
    description="Moves records from the stream into raw.requests and the clean tables, exactly"
    " once. Launched by a sensor while there is lag; launching it by hand is safe at any time.",
    executor_def=dg.in_process_executor,
    tags={"unmogrowp/job": "ingest"},
)
def ingest_job() -> None:
    """Land micro-batches."""
    land_micro_batches()
