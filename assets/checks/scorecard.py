"""What must be true of scorecards."""

from assets.checks.expectation import Suite, is_given, is_one_of, never, rarely

SCORECARDS = Suite(
    "audit.scorecards",
    "",
    (
        is_given("scorecard_id"),
        is_given("app_id"),
        is_given("subject"),
        is_one_of("measure", ("precision", "recall", "exact", "misplaced", "between_channels")),
        never("nothing is right more often than it was seen", "hits > total"),
        never("an interval holds its value", "value < lower - 1e-9 OR value > upper + 1e-9"),
        rarely(
            "a click id leads to the wrong source",
            "part = 'decisions' AND subject = 'click_id' AND measure = 'precision' AND upper < 0.5",
            share=0.1,
        ),
    ),
)

SUITES = (SCORECARDS,)
