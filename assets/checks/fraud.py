"""What must be true of fraud counts, baselines and verdicts before a day of them is published."""

from assets.checks.expectation import (
    Suite,
    is_between,
    is_given,
    is_one_of,
    is_unique,
    never,
    rarely,
)

PUBLISHER_DAYS = Suite(
    "mart.fraud_publisher_days",
    "day",
    (
        is_unique("ruleset_id", "app_id", "media_source", "site_id"),
        is_given("ruleset_id"),
        is_given("app_id"),
        never("organic is no publisher", "media_source = 'organic'"),
        never("histograms add up", "arraySum(mapValues(ctit_bins)) != ctit_count"),
        never("parts are no larger than their whole", "ctit_count > install_count"),
        never("no more return than were there", "returned_count > cohort_count"),
        rarely("a publisher has installs and no click", "install_count > 0 AND click_count = 0",
               share=0.5),
    ),
)  # fmt: skip

BASELINES = Suite(
    "audit.fraud_baselines",
    "day",
    (
        is_unique("ruleset_id", "app_id", "scope", "media_source", "site_id"),
        is_one_of("scope", ("app", "publisher")),
        is_given("baseline_id"),
        never("only days before are used", "last_day >= day OR first_day > last_day"),
        never("histograms add up", "arraySum(mapValues(ctit_bins)) != ctit_count"),
        rarely("a publisher has no install", "scope = 'publisher' AND install_count = 0",
               share=0.95),
    ),
)  # fmt: skip

VERDICTS = Suite(
    "mart.fraud_verdicts",
    "day",
    (
        is_unique("ruleset_id", "app_id", "scope", "media_source", "site_id", "install_id", "rule",
                  "mode"),
        is_one_of("scope", ("install", "publisher")),
        is_one_of("mode", ("shadow", "flag")),
        is_given("rule"),
        is_given("sentence"),
        is_given("config_hash"),
        is_between("rule_version", 1),
        never("installs are named and publishers have none",
              "(scope = 'install') != (install_id != '')"),
        rarely("an install is named for its pace", "rule = 'event_velocity'", share=0.5),
    ),
)  # fmt: skip

REVIEWS = Suite(
    "audit.fraud_reviews",
    "",
    (
        is_unique("review_id", "decision_number"),
        is_one_of("action", ("confirm", "dismiss", "undo")),
        is_given("decided_by"),
        is_given("reason"),
        never("a decision is about a span of days", "first_day > last_day"),
        rarely("a decision is taken back", "action = 'undo'", share=0.3),
    ),
)

NETWORKS = Suite(
    "audit.anonymous_networks",
    "",
    (
        is_given("list_name"),
        is_one_of("kind", ("datacenter", "vpn", "proxy", "tor")),
        never("networks are of a family", "family NOT IN (4, 6)"),
        never("ranges are no empty ones", "first_prefix > last_prefix"),
        never("a share is a share", "covered <= 0 OR covered > 1"),
        rarely("a range covers less than its prefixes", "covered < 1", share=0.99),
    ),
)

SUITES = (PUBLISHER_DAYS, BASELINES, VERDICTS, REVIEWS, NETWORKS)
