-- Rows of staging.people: keys of ids that belong to a component of another name, with its key, as
-- far as touches in reach of {day} or conversions in staging.{conversions} carry them; of one of
-- {buckets} buckets. A user id is in it where it was seen with one component alone: it attaches and
-- never joins two.
WITH
    toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms,
    fromUnixTimestamp64Milli(day_ms - {lookback_ms:Int64}, 'UTC') AS reach_start,
    fromUnixTimestamp64Milli(day_ms + 86399999, 'UTC') AS reach_end,
    carried AS
    (
        SELECT cityHash64(app_id, id) AS number
        FROM
        (
            SELECT app_id, arrayJoin([idfa, idfv, gaid, android_id, user_id]) AS id
            FROM clean.touches
            WHERE touch_at >= reach_start AND touch_at <= reach_end AND received_at >= reach_start
            UNION ALL
            SELECT app_id, arrayJoin([device_key, device_id, idfa, idfv, gaid, android_id])
            FROM staging.{conversions:Identifier}
        )
        WHERE id != '' AND number % {buckets:UInt32} = {bucket:UInt32}
    )
SELECT app_id, concat('d', device_key), concat('d', component_key)
FROM clean.device_components
WHERE cityHash64(app_id, device_key) IN (SELECT number FROM carried)
UNION ALL
SELECT app_id, concat('u', identifier), concat('d', any(component_key))
FROM clean.identities FINAL
WHERE role = 'attached' AND kind = 'user_id'
  AND cityHash64(app_id, identifier) IN (SELECT number FROM carried)
GROUP BY app_id, identifier
HAVING uniqExact(component_key) = 1
