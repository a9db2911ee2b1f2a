CREATE TABLE IF NOT EXISTS mart.attributed_events {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset',
    app_id           LowCardinality(String) COMMENT 'App',
    message_id       String                 COMMENT 'Event',
    event_name       LowCardinality(String) COMMENT 'Name of the event',
    occurred_at      DateTime64(3, 'UTC')   COMMENT 'When it happened, corrected',
    received_at      DateTime64(3, 'UTC')   COMMENT 'When the collector received it',
    device_key       String                 COMMENT 'Device of the event',
    user_id          String                 COMMENT 'Signed-in user of the event',
    platform         LowCardinality(String) COMMENT 'ios, android, web, server, other',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2',
    revenue          Nullable(Decimal(38, 9)) COMMENT 'Revenue in currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217',
    attributed_by    LowCardinality(String) COMMENT 'device, user_id (an install of the same user), or empty',
    install_id       String                 COMMENT 'Last install or reinstall at or before the event',
    since_install_ms Nullable(Int64)        COMMENT 'Milliseconds since that install',
    first_conversion_id String              COMMENT 'Conversion that acquired the user: the last one that counts as an install',
    first_media_source LowCardinality(String) COMMENT 'Its source: organic, a media source, or unattributed',
    first_campaign   LowCardinality(String) COMMENT 'Its campaign',
    conversion_id    String                 COMMENT 'Dynamic view: the last conversion that changed the source',
    conversion_kind  LowCardinality(String) COMMENT 'Its kind',
    media_source     LowCardinality(String) COMMENT 'Its source: organic, a media source, or unattributed',
    campaign         LowCardinality(String) COMMENT 'Its campaign',
    site_id          LowCardinality(String) COMMENT 'Its publisher',
    touch_id         String                 COMMENT 'Touch that won it'
)
ENGINE = {{merge_tree}}
PARTITION BY (ruleset_id, toDate(occurred_at))
ORDER BY (app_id, media_source, event_name, occurred_at, message_id)
COMMENT 'One row per (ruleset, event that carries revenue or follows an install)';

CREATE TABLE IF NOT EXISTS mart.decision_versions {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset',
    app_id           LowCardinality(String) COMMENT 'App',
    conversion_id    String                 COMMENT 'Conversion',
    day              Date                   COMMENT 'UTC day of the conversion',
    known_from       DateTime64(3, 'UTC')   COMMENT 'Published at this instant',
    is_present       Bool                   COMMENT 'False: from then on there was no such conversion',
    conversion_kind  LowCardinality(String) COMMENT 'install, reinstall, re_attribution, re_engagement',
    media_source     LowCardinality(String) COMMENT 'Winner, or organic',
    campaign         LowCardinality(String) COMMENT 'Campaign name',
    organic_reason   LowCardinality(String) COMMENT 'Why nothing won',
    touch_id         String                 COMMENT 'Touch that won',
    decision_id      String                 COMMENT 'Hash of the decision and what it rests on',
    config_hash      String                 COMMENT 'Hash of the ruleset'
)
ENGINE = {{merge_tree}}
PARTITION BY toYYYYMM(day)
ORDER BY (ruleset_id, day, app_id, conversion_id, known_from)
COMMENT 'One row per (ruleset, conversion, change of what was reported about it); rows are only added';

CREATE VIEW IF NOT EXISTS mart.decision_history {{on_cluster}} AS
SELECT
    ruleset_id, app_id, conversion_id, day, known_from,
    leadInFrame(toNullable(known_from), 1, NULL) OVER versions AS known_to,
    is_present, conversion_kind, media_source, campaign, organic_reason, touch_id, decision_id,
    config_hash
FROM mart.decision_versions
WINDOW versions AS
(
    PARTITION BY ruleset_id, day, app_id, conversion_id ORDER BY known_from
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
COMMENT 'What was reported about each conversion, from when to when (known_to NULL: still)';

CREATE VIEW IF NOT EXISTS audit.decision_restatements {{on_cluster}} AS
SELECT
    known_from AS recorded_at, ruleset_id, app_id, day, conversion_id,
    multiIf(NOT is_present, 'removed', NOT was_present, 'added', 'changed') AS change,
    was_media_source AS from_media_source, media_source AS to_media_source,
    was_campaign AS from_campaign, campaign AS to_campaign,
    was_kind AS from_kind, conversion_kind AS to_kind,
    was_config_hash AS from_config_hash, config_hash AS to_config_hash
FROM
(
    SELECT
        *,
        lagInFrame(is_present, 1, false) OVER versions AS was_present,
        lagInFrame(media_source, 1, '') OVER versions AS was_media_source,
        lagInFrame(campaign, 1, '') OVER versions AS was_campaign,
        lagInFrame(conversion_kind, 1, '') OVER versions AS was_kind,
        lagInFrame(config_hash, 1, '') OVER versions AS was_config_hash,
        row_number() OVER versions AS number,
        min(known_from) OVER (PARTITION BY ruleset_id, day) AS first_reported_at
    FROM mart.decision_versions
    WINDOW versions AS
    (
        PARTITION BY ruleset_id, day, app_id, conversion_id ORDER BY known_from
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
WHERE number > 1 OR known_from > first_reported_at AND toDate(known_from) > day
COMMENT 'Decisions that were reported otherwise before, and conversions that came after their day was reported and over';

CREATE TABLE IF NOT EXISTS mart.attribution_diff {{on_cluster}}
(
    base_ruleset_id  LowCardinality(String) COMMENT 'What counts today',
    trial_ruleset_id LowCardinality(String) COMMENT 'What was tried',
    day              Date                   COMMENT 'UTC day of the conversions',
    app_id           LowCardinality(String) COMMENT 'App',
    from_media_source LowCardinality(String) COMMENT 'Source under the base; empty when the conversion is none there',
    to_media_source  LowCardinality(String) COMMENT 'Source under the trial; empty when the conversion is none there',
    from_kind        LowCardinality(String) COMMENT 'Kind under the base',
    to_kind          LowCardinality(String) COMMENT 'Kind under the trial',
    reason           LowCardinality(String) COMMENT 'What the trial says of the touch that won before, or of the one that wins now',
    currency         LowCardinality(String) COMMENT 'Currency of revenue; empty where there is none',
    conversions      UInt64                 COMMENT 'Conversions; counted on the row without currency',
    revenue          Decimal(38, 9)         COMMENT 'Revenue of the events that follow these conversions, in currency',
    cost             Decimal(38, 9)         COMMENT 'Cost per install of the touches that won under the base, in currency',
    trial_cost       Decimal(38, 9)         COMMENT 'The same under the trial'
)
ENGINE = {{merge_tree}}
PARTITION BY (trial_ruleset_id, day)
ORDER BY (base_ruleset_id, app_id, from_media_source, to_media_source, reason, currency)
COMMENT 'One row per (base, trial, day, app, from, to, reason, currency): what another ruleset would move';
