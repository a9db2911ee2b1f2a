-- Appends what is reported otherwise from now on: decisions in staging.{decisions} that differ from
-- the last version of the same conversion, and conversions that are gone. Twice is once.
INSERT INTO mart.decision_versions
    (ruleset_id, app_id, conversion_id, day, known_from, is_present, conversion_kind, media_source,
     campaign, organic_reason, touch_id, decision_id, config_hash, is_primary)
SELECT
    {ruleset_id:String},
    app_id,
    conversion_id,
    {day:Date},
    -- Versions of one conversion never share an instant, whatever the clock does.
    fromUnixTimestamp64Milli(greatest({now_ms:Int64}, toInt64(max(last_ms)) + 1), 'UTC'),
    max(is_new) AS is_now,
    anyIf(says, is_new).1,
    anyIf(says, is_new).2,
    anyIf(says, is_new).3,
    anyIf(says, is_new).4,
    anyIf(says, is_new).5,
    anyIf(decision, is_new),
    anyIf(config, is_new),
    anyIf(says, is_new).6
FROM
(
    SELECT
        app_id, conversion_id, true AS is_new,
        CAST((conversion_kind, media_source, campaign, organic_reason, touch_id, is_primary),
             'Tuple(String, String, String, String, String, Bool)') AS says,
        decision_id AS decision, config_hash AS config, toInt64(-1) AS last_ms, false AS was_present
    FROM staging.{decisions:Identifier}
    UNION ALL
    SELECT
        app_id, conversion_id, false,
        argMax(
            CAST((conversion_kind, media_source, campaign, organic_reason, touch_id, is_primary),
                 'Tuple(String, String, String, String, String, Bool)'),
            known_from
        ),
        '', '', toUnixTimestamp64Milli(max(known_from)), argMax(is_present, known_from)
    FROM mart.decision_versions
    WHERE ruleset_id = {ruleset_id:String} AND day = {day:Date}
    GROUP BY app_id, conversion_id
)
GROUP BY app_id, conversion_id
HAVING is_now != max(was_present) OR is_now AND anyIf(says, is_new) != anyIf(says, NOT is_new)
