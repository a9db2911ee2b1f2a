"""What must be true of the log of checks."""

from assets.checks.expectation import Suite, is_given, is_one_of, never, rarely

QUALITY_RESULTS = Suite(
    "audit.quality_results",
    "checked_at",
    (
        is_given("table_name"),
        is_given("check_name"),
        is_one_of("suite", ("contract", "expectations")),
        is_one_of("severity", ("error", "warning")),
        never("a sentence that was true has no rows against it", "is_passed AND unexpected_count"),
        rarely("a check fails", "NOT is_passed", share=0.1),
    ),
)

SUITES = (QUALITY_RESULTS,)
