"""What collectors say they acknowledged: the outer witness of the reconciliation."""

from assets.tables import table_spec

collector_reports = table_spec(
    "audit.collector_reports",
    group="collectors",
    text="Reports come through the stream and are landed by `ingest_job`. Counters run since the"
    " boot of the process, so a report that was lost or seen twice changes nothing.",
)
