-- {days} days of events that end with {day}: {devices} devices install on each of them, and on
-- {day} as many phones of each of the thirty days before it open the app again.
INSERT INTO clean.events
    (app_id, message_id, event_type, event_name, device_key, platform, occurred_at, received_at,
     properties, context, offset)
SELECT
    'app',
    hex(cityHash64(kind, born, number, {seed:UInt32})),
    'track',
    if(kind = 0, 'Application Installed', 'Application Opened'),
    hex(cityHash64(born, number, {seed:UInt32})),
    'android',
    toDateTime64(if(kind = 2, {day:Date}, {day:Date} - born), 3, 'UTC')
        + toIntervalMillisecond(cityHash64(number, kind, born) % 86000000) AS at,
    at + 1000,
    '{"version":"1"}',
    '{}',
    number
FROM numbers({devices:UInt64}) AS n
ARRAY JOIN range({days:UInt32}) AS born
ARRAY JOIN if(born > 0 AND born <= 30 AND number % 30 = 0, [0, 1, 2], [0, 1]) AS kind
SETTINGS max_partitions_per_insert_block = 1000
