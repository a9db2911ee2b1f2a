-- Days of installs that the devices in staging.{devices} may change: the day of the change; days
-- of their published installs from one hour before it on (an implied install may be replaced, and
-- ordinals move); and days that are due already, because a build of such a day may be under way
-- that has not seen these events and whose installs are not published yet.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    (SELECT toDate(min(changed_at)) FROM staging.{devices:Identifier}) AS first_day,
    (
        SELECT toDate(min(changed_at)) FROM staging.{devices:Identifier} WHERE NOT is_late
    ) AS first_fresh_day
SELECT DISTINCT
    'installs',
    day,
    'touched',
    {landing_seq:UInt64},
    'events',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT toDate(changed_at) AS day FROM staging.{devices:Identifier}
    UNION DISTINCT
    SELECT toDate(i.installed_at)
    FROM mart.installs AS i
    INNER JOIN (SELECT * FROM staging.{devices:Identifier} WHERE NOT is_late) AS changed
        ON i.app_id = changed.app_id AND i.device_key = changed.device_key
    WHERE toDate(i.installed_at) >= first_fresh_day - 1
      AND (i.app_id, i.device_key)
          IN (SELECT app_id, device_key FROM staging.{devices:Identifier} WHERE NOT is_late)
      AND i.installed_at >= changed.changed_at - INTERVAL 1 HOUR
    UNION DISTINCT
    SELECT toDate(i.installed_at)
    FROM mart.installs AS i
    INNER JOIN (SELECT * FROM staging.{devices:Identifier} WHERE is_late) AS changed
        ON i.app_id = changed.app_id AND i.device_key = changed.device_key
    WHERE toDate(i.installed_at) >= first_day - 1
      AND (i.app_id, i.device_key)
          IN (SELECT app_id, device_key FROM staging.{devices:Identifier} WHERE is_late)
      AND i.installed_at >= changed.changed_at - INTERVAL 1 HOUR
    UNION DISTINCT
    SELECT day
    FROM audit.touched_days
    WHERE mart = 'installs'
    GROUP BY day
    HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
       AND day >= first_day - 1
)
WHERE EXISTS (SELECT 1 FROM staging.{devices:Identifier})
