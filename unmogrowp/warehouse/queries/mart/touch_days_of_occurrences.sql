-- Days on which the landed events of {events} happened, as far as mart.attributed_events holds such.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
SELECT DISTINCT
    'events',
    toDate(occurred_at),
    'touched',
    {landing_seq:UInt64},
    'events',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM {database:Identifier}.{events:Identifier}
WHERE event_type = 'track' AND event_name != 'Application Installed' OR revenue IS NOT NULL
