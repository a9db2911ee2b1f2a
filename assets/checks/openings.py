"""What must be true of openings before a day of them is published."""

from assets.checks.expectation import (
    Suite,
    is_between,
    is_given,
    is_one_of,
    is_unique,
    never,
    rarely,
)

OPENINGS = Suite(
    "mart.openings",
    "opened_at",
    (
        is_unique("conversion_id"),
        is_given("app_id"),
        is_given("device_key"),
        is_given("install_id"),
        is_given("source_message_id"),
        is_one_of("platform", ("ios", "android")),
        is_between("inactive_ms", 1),
        never("an opening comes after its install", "installed_at >= opened_at"),
        never("an install is no opening", "event_name = 'Application Installed'"),
        never(
            "only opening the app needs no pause before it",
            "event_name NOT IN ('Application Opened', 'Deep Link Opened') AND inactive_ms < 60000",
        ),
        rarely(
            "an opening carries no id that a touch could share",
            "idfa = '' AND idfv = '' AND gaid = '' AND android_id = '' AND device_id = ''"
            " AND user_id = '' AND click_id = ''",
            share=0.5,
        ),
    ),
)

SUITES = (OPENINGS,)
