-- Days of installs that rows which went away may have held back: {events} holds rows of other
-- ranges, so a day was rebuilt and rows of it came or went. The first event of a device may be a
-- later one from now on, and an implied install may be back from the hour before.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
SELECT DISTINCT
    'installs',
    day,
    'touched',
    {landing_seq:UInt64},
    'rebuild',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT toDate(occurred_at) AS day
    FROM {database:Identifier}.{events:Identifier}
    WHERE event_name = 'Application Installed' OR platform IN ('ios', 'android')
    UNION DISTINCT
    SELECT toDate(occurred_at - INTERVAL 1 HOUR)
    FROM {database:Identifier}.{events:Identifier}
    WHERE event_name = 'Application Installed'
    UNION DISTINCT
    SELECT toDate(next_at)
    FROM
    (
        SELECT min(occurred_at) AS next_at
        FROM clean.events
        WHERE (app_id, device_key)
              IN (SELECT app_id, device_key FROM {database:Identifier}.{events:Identifier})
          AND (app_id, message_id)
              NOT IN (SELECT app_id, message_id FROM {database:Identifier}.{events:Identifier})
          AND platform IN ('ios', 'android')
          AND NOT (event_name = 'Application Installed')
          AND NOT startsWith(device_key, 'message:')
        GROUP BY app_id, device_key
    )
)
WHERE EXISTS
(
    SELECT 1
    FROM {database:Identifier}.{events:Identifier}
    WHERE landing_seq != {landing_seq:UInt64}
)
