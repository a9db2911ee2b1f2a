-- Days of events of moved device keys: they inherit from other conversions now, where the component
-- they left or came to has an install at all.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    with_installs AS
    (
        SELECT app_id, device_key
        FROM mart.installs
        WHERE (app_id, device_key) IN (
            SELECT app_id, from_component FROM staging.{moved:Identifier}
            UNION DISTINCT
            SELECT app_id, to_component FROM staging.{moved:Identifier})
    )
SELECT DISTINCT
    'events',
    toDate(occurred_at),
    'touched',
    {landing_seq:UInt64},
    'identity',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM clean.events
WHERE (event_type = 'track' AND event_name != 'Application Installed' OR revenue IS NOT NULL)
  AND (app_id, device_key) IN
  (
      SELECT app_id, device_key
      FROM staging.{moved:Identifier}
      WHERE (app_id, from_component) IN (SELECT app_id, device_key FROM with_installs)
         OR (app_id, to_component) IN (SELECT app_id, device_key FROM with_installs)
  )
