-- Which decisions count is known inside the engine. Rows from before say so for ours alone: trials
-- were marked as if they counted.
ALTER TABLE mart.attributed_installs {{on_cluster}} MODIFY COLUMN is_primary Bool COMMENT 'This decision counts: its ruleset is in force for the app on the day of the conversion';

ALTER TABLE mart.attributed_installs {{on_cluster}} UPDATE is_primary = (ruleset_id = 'ours') WHERE is_primary != (ruleset_id = 'ours') SETTINGS mutations_sync = 2;

ALTER TABLE mart.attributed_events {{on_cluster}} ADD COLUMN IF NOT EXISTS is_primary Bool DEFAULT ruleset_id = 'ours' COMMENT 'This row counts: its ruleset is in force for the app on the day of the event';

ALTER TABLE mart.decision_versions {{on_cluster}} ADD COLUMN IF NOT EXISTS is_primary Bool DEFAULT ruleset_id = 'ours' COMMENT 'The decision counted';

DROP VIEW IF EXISTS audit.decision_restatements {{on_cluster}} SYNC;

DROP VIEW IF EXISTS mart.decision_history {{on_cluster}} SYNC;

CREATE VIEW IF NOT EXISTS mart.decision_history {{on_cluster}} AS
SELECT
    ruleset_id, app_id, conversion_id, day, known_from,
    leadInFrame(toNullable(known_from), 1, NULL) OVER versions AS known_to,
    is_present, is_primary, conversion_kind, media_source, campaign, organic_reason, touch_id,
    decision_id, config_hash
FROM mart.decision_versions
WINDOW versions AS
(
    PARTITION BY ruleset_id, day, app_id, conversion_id ORDER BY known_from
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
COMMENT 'What was reported about each conversion, from when to when (known_to NULL: still); is_primary: it counted';

CREATE VIEW IF NOT EXISTS audit.decision_restatements {{on_cluster}} AS
SELECT
    known_from AS recorded_at, ruleset_id, app_id, day, conversion_id,
    multiIf(
        NOT is_present, 'removed', NOT was_present, 'added',
        was_primary != is_primary, if(is_primary, 'counts', 'counts_no_more'), 'changed'
    ) AS change,
    was_media_source AS from_media_source, media_source AS to_media_source,
    was_campaign AS from_campaign, campaign AS to_campaign,
    was_kind AS from_kind, conversion_kind AS to_kind,
    was_config_hash AS from_config_hash, config_hash AS to_config_hash,
    was_primary, is_primary
FROM
(
    SELECT
        *,
        lagInFrame(is_present, 1, false) OVER versions AS was_present,
        lagInFrame(is_primary, 1, false) OVER versions AS was_primary,
        lagInFrame(media_source, 1, '') OVER versions AS was_media_source,
        lagInFrame(campaign, 1, '') OVER versions AS was_campaign,
        lagInFrame(conversion_kind, 1, '') OVER versions AS was_kind,
        lagInFrame(config_hash, 1, '') OVER versions AS was_config_hash,
        row_number() OVER versions AS number,
        min(known_from) OVER (PARTITION BY ruleset_id, day) AS first_of_ruleset_at,
        min(known_from) OVER (PARTITION BY day) AS first_of_day_at
    FROM mart.decision_versions
    WINDOW versions AS
    (
        PARTITION BY ruleset_id, day, app_id, conversion_id ORDER BY known_from
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
WHERE number > 1
   OR toDate(known_from) > day
      AND known_from > if(is_primary, first_of_day_at, first_of_ruleset_at)
COMMENT 'Decisions that were reported otherwise before, and those that came after their day was reported and over: late conversions, and decisions of a ruleset that was promoted since';
