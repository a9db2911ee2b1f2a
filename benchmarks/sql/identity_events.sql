-- Events of {devices} phones from number {first} on, two each: a vendor id, an advertising id that one
-- phone in ten shares with the one before it (a reinstall), and two anonymous ids: three edges each.
INSERT INTO clean.events
    (app_id, message_id, event_type, event_name, anonymous_id, user_id, device_id, idfa, idfv,
     device_key, platform, received_at, occurred_at, topic_id, landing_seq)
WITH
    (tag, n) -> toString(reinterpretAsUUID(sipHash128(tag, toInt64(n)))) AS uuid,
    {first:UInt64} + intDiv(number, 2) AS phone,
    number % 2 AS turn
SELECT
    'bench',
    concat('m', toString({first:UInt64} * 2 + number)),
    'track',
    if(turn = 0, 'Application Installed', 'Application Opened'),
    uuid(concat('a', toString(turn)), phone),
    if(phone % 3 = 0, concat('u', toString(phone)), ''),
    uuid('v', phone) AS vendor_id,
    uuid('i', if(phone % 10 = 0 AND phone > 0, phone - 1, phone)),
    vendor_id,
    vendor_id,
    'ios',
    toDateTime64('2026-03-10 00:00:00', 3, 'UTC') + toIntervalMillisecond(phone % 86000000 + turn) AS received_at,
    received_at,
    't',
    {landing_seq:UInt64}
FROM numbers({devices:UInt64} * 2)
