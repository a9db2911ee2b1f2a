"""What must be true of credit before a day of it is published.

That it adds up, and to the same in every model, is checked in SQL by the build itself.
"""

from assets.checks.expectation import Suite, is_between, is_given, never, rarely

JOURNEY_PATHS = Suite(
    "mart.journey_paths",
    "day",
    (
        is_given("journey_id"),
        is_given("app_id"),
        is_given("config_hash"),
        never("a path has touches", "empty(path)"),
        never("a channel has a name", "has(path, '')"),
        never("a path is one that was seen", "conversions + nulls = 0"),
        never("value comes with conversions", "conversions = 0 AND value != 0"),
        rarely("a path is longer than 50 touches", "length(path) > 50", share=0.05),
    ),
)

TOUCH_CREDIT = Suite(
    "mart.touch_credit",
    "converted_at",
    (
        is_given("model_id"),
        is_given("app_id"),
        is_given("conversion_id"),
        is_given("channel"),
        is_given("config_hash"),
        is_between("credit", 0, 1.000000001),
        never(
            "credit without a touch has no place on a path",
            "(touch_id = '') != (position = 0) OR (touch_id = '') != (touch_at IS NULL)",
        ),
        never("a touch stands on its path", "position > path_length"),
        never("no credit goes to a touch after the conversion", "touch_at > converted_at"),
        rarely("a conversion has no touch before it", "touch_id = ''", share=0.95),
    ),
)

CHANNEL_CREDIT = Suite(
    "mart.channel_credit",
    "day",
    (
        is_given("model_id"),
        is_given("app_id"),
        is_given("channel"),
        is_given("config_hash"),
        never(
            "an interval has two ends around the credit",
            "(conversions_low IS NULL) != (conversions_high IS NULL)"
            " OR conversions < conversions_low OR conversions > conversions_high"
            " OR value < value_low OR value > value_high",
        ),
        never(
            "only channels with an interval can be too few to separate",
            "is_too_few_to_separate AND conversions_low IS NULL",
        ),
        rarely("a channel is too few to separate", "is_too_few_to_separate", share=0.9),
    ),
)

SUITES = (JOURNEY_PATHS, TOUCH_CREDIT, CHANNEL_CREDIT)
