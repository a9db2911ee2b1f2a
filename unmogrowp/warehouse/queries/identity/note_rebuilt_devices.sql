-- Devices of rows that came or went when a day was rebuilt.
INSERT INTO audit.rebuilt_devices (landing_seq, app_id, device_key, recorded_at)
SELECT DISTINCT
    {landing_seq:UInt64}, app_id, device_key, fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM {database:Identifier}.{events:Identifier}
WHERE NOT startsWith(device_key, 'message:')
ORDER BY app_id, device_key
