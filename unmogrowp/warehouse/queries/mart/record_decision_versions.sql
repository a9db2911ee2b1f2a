-- Appends what is reported otherwise from now on: decisions in staging.{decisions} that differ from
-- the last version of the same conversion, and conversions that are gone. Twice is once.
INSERT INTO mart.decision_versions
    (ruleset_id, app_id, conversion_id, day, known_from, is_present, conversion_kind, media_source,
     campaign, organic_reason, touch_id, decision_id, config_hash, is_primary)
WITH
    -- Versions of one conversion never share an instant, whatever the clock does.
    last_ms -> fromUnixTimestamp64Milli(greatest({now_ms:Int64}, last_ms + 1), 'UTC') AS after,
    last_versions AS
    (
        SELECT
            app_id,
            conversion_id,
            toUnixTimestamp64Milli(max(known_from)) AS last_ms,
            argMax(is_present, known_from) AS was_present,
            argMax(
                (conversion_kind, media_source, campaign, organic_reason, touch_id, is_primary),
                known_from
            ) AS said
        FROM mart.decision_versions
        WHERE ruleset_id = {ruleset_id:String} AND day = {day:Date}
        GROUP BY app_id, conversion_id
    )
SELECT
    {ruleset_id:String},
    d.app_id,
    d.conversion_id,
    {day:Date},
    after(l.last_ms),
    true,
    d.conversion_kind,
    d.media_source,
    d.campaign,
    d.organic_reason,
    d.touch_id,
    d.decision_id,
    d.config_hash,
    d.is_primary
FROM staging.{decisions:Identifier} AS d
ANY LEFT JOIN last_versions AS l ON l.app_id = d.app_id AND l.conversion_id = d.conversion_id
WHERE NOT l.was_present
   OR (d.conversion_kind, d.media_source, d.campaign, d.organic_reason, d.touch_id, d.is_primary)
      != l.said
UNION ALL
SELECT
    {ruleset_id:String}, app_id, conversion_id, {day:Date}, after(last_ms), false,
    '', '', '', '', '', '', '', false
FROM last_versions
WHERE was_present
  AND (app_id, conversion_id) NOT IN
      (SELECT app_id, conversion_id FROM staging.{decisions:Identifier})
