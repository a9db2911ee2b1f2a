-- {installs} installs of five apps within the day {day}; every third carries a click id, every
-- tenth a paid referrer and the instant at which the store began the download.
INSERT INTO mart.installs
    (app_id, install_id, device_key, ordinal, installed_at, install_kind, platform, device_id, gaid,
     android_id, click_id, referrer_media_source, referrer_campaign, referrer_click_at,
     install_begin_at, country, source_message_id, received_at)
SELECT
    concat('app', toString(number % 5)),
    lower(left(hex(SHA256(concat('i', toString({seed:UInt32}), '/', toString(number)))), 32)),
    device,
    1,
    toDateTime64({day:Date}, 3, 'UTC')
        + toIntervalMillisecond(cityHash64(number, {seed:UInt32}, 1) % 86400000) AS at,
    'install',
    'android',
    lower(hex(cityHash64(number, {seed:UInt32}, 2))) AS device,
    lower(hex(sipHash128(number, {seed:UInt32}, 3))),
    device,
    if(number % 3 = 0, concat('clk', hex(cityHash64(number, {seed:UInt32}, 0))), ''),
    if(number % 10 = 0, 'network_store', ''),
    if(number % 10 = 0, 'spring', ''),
    if(number % 10 = 0, at - toIntervalMillisecond(cityHash64(number, 6) % 864000000), NULL),
    if(number % 10 = 0, at - toIntervalMillisecond(60000), NULL),
    'DE',
    concat('m', toString(number)),
    at + 1000
FROM numbers({installs:UInt64})
