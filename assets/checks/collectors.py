"""What must be true of the reports that collectors send about themselves."""

from assets.checks.expectation import Suite, is_between, is_given, is_unique, never, rarely

COLLECTOR_REPORTS = Suite(
    "audit.collector_reports",
    "reported_at",
    (
        is_given("collector_id"),
        is_given("boot_id"),
        is_between("sequence", 1),
        is_unique("boot_id", "sequence", "app_id", "hour", "topic", "partition", "offset"),
        never("a report is made after its boot began", "reported_at < started_at"),
        rarely("an outcome stays unknown", "unknown_requests > 0", share=0.05),
    ),
)

SUITES = (COLLECTOR_REPORTS,)
