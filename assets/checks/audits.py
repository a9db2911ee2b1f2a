"""What must be true of the audits themselves: an audit that compared nothing is not a zero."""

from assets.checks.expectation import Suite, is_given, is_one_of, is_unique, never, rarely

RECONCILIATION = Suite(
    "audit.reconciliation",
    "hour",
    (
        is_given("audit_id"),
        is_given("identity"),
        is_unique("audit_id", "identity", "scope", "app_id", "hour", "left_name", "right_name"),
        never("a count is never negative", "left_count < 0 OR right_count < 0"),
        rarely("two layers differ", "difference != 0", share=0.01),
    ),
)

DIFFERENCES = Suite(
    "audit.reconciliation_differences",
    "hour",
    (
        is_given("audit_id"),
        is_given("identity"),
        is_one_of("side", ("only_left", "only_right", "counted")),
        rarely("an id cannot be named", "side != 'counted' AND id = ''", share=0.0),
    ),
)

SUITES = (RECONCILIATION, DIFFERENCES)
