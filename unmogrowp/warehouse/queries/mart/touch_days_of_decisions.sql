-- Days of events, from {day} on, that inherit from a conversion of that day which is reported
-- otherwise since {published_ms}: staging.{keys} says what such events carry. Two keys may share a
-- number; a day touched for nothing comes out the same.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
SELECT DISTINCT
    'events',
    toDate(occurred_at),
    'touched',
    {landing_seq:UInt64},
    'decisions',
    fromUnixTimestamp64Milli({published_ms:Int64}, 'UTC')
FROM clean.events
WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND (event_type = 'track' AND event_name != 'Application Installed' OR revenue IS NOT NULL)
  AND (cityHash64('device', app_id, device_key) IN (SELECT key FROM staging.{keys:Identifier})
       OR user_id != ''
          AND cityHash64('user', app_id, user_id) IN (SELECT key FROM staging.{keys:Identifier}))
