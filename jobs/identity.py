"""Builds identities alone; `marts_job` begins with the same op."""

import dagster as dg

from assets.identity import stitch_identities


@dg.job(
    description="Stitches identifiers into components, with `is_full` from all events anew. Days"
    " whose installs come out otherwise become due; launching it by hand is safe at any time.",
    executor_def=dg.in_process_executor,
    tags={"unmogrowp/job": "identity"},
)
def identity_job() -> None:
    """Build identities."""
    stitch_identities()
