"""What must be true of decisions before a day of them is published."""

from assets.checks.expectation import (
    Suite,
    is_between,
    is_given,
    is_one_of,
    is_unique,
    never,
    rarely,
)

CANDIDATES = Suite(
    "mart.attribution_candidates",
    "installed_at",
    (
        is_unique("ruleset_id", "conversion_id", "touch_id"),
        is_given("conversion_id"),
        is_given("install_id"),
        is_given("touch_id"),
        is_one_of("touch_type", ("click", "impression")),
        is_one_of("match_type", ("click_id", "referrer", "device_id", "user_id", "probabilistic")),
        is_one_of("verdict", ("won", "lost", "refused")),
        never("only refused candidates have no rank", "(rank = 0) != (verdict = 'refused')"),
        never("rank 1 wins and nothing else does", "(rank = 1) != (verdict = 'won')"),
        never("a refusal has a reason", "verdict = 'refused' AND reason = ''"),
        never(
            "the window is closed at both ends",
            "is_in_window != (age_ms >= 0 AND age_ms <= window_ms)",
        ),
        never("no credit goes to a touch after the install", "verdict = 'won' AND age_ms < 0"),
        never(
            "what a fraud rule blocks is refused",
            "verdict != 'refused' AND arrayExists(one -> one.mode = 'block', fraud_verdicts)",
        ),
        never(
            "only a retargeting touch may win an opening",
            "conversion_id != install_id AND verdict != 'refused' AND NOT is_retargeting",
        ),
        rarely("a candidate is refused", "verdict = 'refused'", share=0.8),
    ),
)

ATTRIBUTED_INSTALLS = Suite(
    "mart.attributed_installs",
    "installed_at",
    (
        is_unique("ruleset_id", "conversion_id"),
        is_given("install_id"),
        is_given("media_source"),
        is_given("decision_id"),
        is_given("config_hash"),
        is_one_of("conversion_kind", ("install", "reinstall", "re_attribution", "re_engagement")),
        is_between("candidate_count", 0),
        never(
            "an install is organic or paid, never both",
            "is_organic != (media_source = 'organic') OR is_organic != (touch_id = '')",
        ),
        never("organic installs say why", "is_organic != (organic_reason != '')"),
        never(
            "an install is its own conversion and a re-engagement is not",
            "(conversion_id = install_id) = (conversion_kind = 're_engagement')",
        ),
        never(
            "a re-engagement has a touch",
            "conversion_kind = 're_engagement' AND is_organic",
        ),
        never(
            "a paid install names a touch within its window",
            "NOT is_organic AND (touch_at > installed_at OR ctit_ms > window_ms)",
        ),
        never("no more are eligible than there are", "eligible_count > candidate_count"),
        never("the evidence is JSON", "NOT isValidJSON(evidence)"),
        rarely("an install is organic", "is_organic", share=0.95),
        rarely("the time from touch to install is under 10 seconds", "ctit_ms < 10000", share=0.1),
    ),
)

ATTRIBUTED_EVENTS = Suite(
    "mart.attributed_events",
    "occurred_at",
    (
        is_given("message_id"),
        is_given("media_source"),
        is_given("first_media_source"),
        is_one_of("attributed_by", ("", "device", "user_id")),
        never(
            "events without an install are unattributed, and no others",
            "(media_source = 'unattributed') != (attributed_by = '')",
        ),
        never("no event comes before its install", "since_install_ms < 0"),
        never(
            "only revenue is kept without an install",
            "attributed_by = '' AND revenue IS NULL",
        ),
        never("revenue has a currency", "revenue != 0 AND currency = ''", severity="warning"),
        rarely("revenue is unattributed", "attributed_by = ''", share=0.5),
    ),
)

DECISION_VERSIONS = Suite(
    "mart.decision_versions",
    "",
    (
        is_given("ruleset_id"),
        is_given("conversion_id"),
        never(
            "a conversion that is there has a source",
            "is_present AND (media_source = '' OR decision_id = '' OR config_hash = '')",
        ),
        rarely("a conversion is gone", "NOT is_present", share=0.1),
    ),
)

ATTRIBUTION_DIFF = Suite(
    "mart.attribution_diff",
    "day",
    (
        is_given("base_ruleset_id"),
        is_given("trial_ruleset_id"),
        is_given("reason"),
        never("a ruleset is not compared with itself", "base_ruleset_id = trial_ruleset_id"),
        never(
            "what is unchanged keeps its source",
            "reason = 'unchanged' AND from_media_source != to_media_source",
        ),
        rarely(
            "a conversion is in one of the two only",
            "from_media_source = '' OR to_media_source = ''",
            share=0.2,
        ),
    ),
)

CONFIG_SNAPSHOTS = Suite(
    "audit.config_snapshots",
    "",
    (
        is_given("config_hash"),
        is_given("config_id"),
        never("the body is JSON", "NOT isValidJSON(body)"),
        rarely("a configuration has no kind", "kind = ''", share=0.0),
    ),
)

PUBLISHED_PARTITIONS = Suite(
    "audit.published_partitions",
    "",
    (
        is_one_of("state", ("publishing", "published")),
        is_given("table_name"),
        rarely("a publish was begun and not finished", "state = 'publishing'", share=0.6),
    ),
)

SUITES = (
    CANDIDATES,
    ATTRIBUTED_INSTALLS,
    ATTRIBUTED_EVENTS,
    DECISION_VERSIONS,
    ATTRIBUTION_DIFF,
    CONFIG_SNAPSHOTS,
    PUBLISHED_PARTITIONS,
)
