-- Days of landed events of {events} that are or may be conversions.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
SELECT DISTINCT
    'credit',
    toDate(occurred_at),
    'touched',
    {landing_seq:UInt64},
    'events',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM {database:Identifier}.{events:Identifier}
WHERE has({event_names:Array(String)}, event_name) OR has({currencies:Array(String)}, currency)
