-- Days of openings of components that changed: the pause before one and the install it belongs to are
-- those of all device keys in staging.{affected}. Days without published openings have none to
-- change: no ruleset asks for them, or they are due anyway.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
SELECT DISTINCT
    'attribution',
    toDate(occurred_at),
    'touched',
    {landing_seq:UInt64},
    'identity',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM clean.events
WHERE event_type = 'track'
  AND event_name != 'Application Installed'
  AND platform IN ('ios', 'android')
  AND (app_id, device_key) IN (SELECT app_id, device_key FROM staging.{affected:Identifier})
  AND toDate(occurred_at) IN
      (
          SELECT toDate(partition_key)
          FROM audit.published_partitions
          WHERE table_name = 'mart.openings'
      )
