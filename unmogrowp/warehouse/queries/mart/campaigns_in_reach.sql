-- Campaigns with touches or referrers that installs of {day} could be matched with, of the apps
-- and media sources that an override of the ruleset speaks about.
WITH toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms
SELECT DISTINCT app_id, media_source, campaign
FROM
(
    SELECT app_id, media_source, campaign
    FROM clean.touches
    WHERE touch_at >= fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC')
      AND touch_at <= fromUnixTimestamp64Milli(day_ms + 86399999 + {reach_after_ms:Int64}, 'UTC')
      AND received_at >= fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC')
    UNION ALL
    SELECT app_id, referrer_media_source AS media_source, referrer_campaign AS campaign
    FROM mart.installs
    WHERE toDate(installed_at) = {day:Date} AND referrer_media_source != ''
)
WHERE has({apps:Array(String)}, app_id) OR has({sources:Array(String)}, media_source)
