"""What must be true of installs before a day of them is published."""

from assets.checks.expectation import (
    Suite,
    is_between,
    is_given,
    is_one_of,
    is_unique,
    never,
    rarely,
)
from assets.checks.landing import PLATFORMS

INSTALLS = Suite(
    "mart.installs",
    "installed_at",
    (
        is_unique("install_id"),
        is_unique("app_id", "device_key", "ordinal"),
        is_given("app_id"),
        is_given("device_key"),
        is_given("source_message_id"),
        is_one_of("install_kind", ("install", "reinstall")),
        is_one_of("platform", PLATFORMS),
        is_between("ordinal", 1),
        never(
            "the first install of a device is no reinstall",
            "(ordinal = 1) != (install_kind = 'install')",
        ),
        never(
            "a reinstall names the install before it",
            "(ordinal > 1) != (previous_install_id != '' AND since_previous_ms IS NOT NULL)",
        ),
        never("reinstalls are more than an hour apart", "since_previous_ms <= 3600000"),
        rarely("an install is implied by other events", "is_implied", share=0.5),
        rarely("an install is a reinstall", "ordinal > 1", share=0.5),
    ),
)

SUITES = (INSTALLS,)
