-- {touches} touches of the devices of market_installs, up to nine days before and one hour after
-- the install: 40 % clicks, each with a click id of its own. One touch in five is of a device that
-- never installs.
INSERT INTO clean.touches
    (app_id, touch_id, touch_type, media_source, campaign, campaign_id, adset, ad, site_id,
     click_id, touch_at, received_at, gaid, offset)
SELECT
    concat('app', toString(device % 5)),
    lower(left(hex(SHA256(concat('t', toString({seed:UInt32}), '/', toString(number)))), 32)),
    if(cityHash64(number, {seed:UInt32}, 9) % 10 < 4, 'click', 'impression'),
    concat('network_', toString(cityHash64(number, {seed:UInt32}, 8) % 20)),
    concat('campaign_', toString(cityHash64(number, {seed:UInt32}, 7) % 200)),
    toString(cityHash64(number, {seed:UInt32}, 7) % 200),
    concat('adset_', toString(cityHash64(number, {seed:UInt32}, 7) % 600)),
    concat('ad_', toString(cityHash64(number, {seed:UInt32}, 7) % 2000)),
    concat('site_', toString(cityHash64(number, {seed:UInt32}, 5) % 5000)),
    concat('clk', hex(cityHash64(device, {seed:UInt32}, intDiv(number, {installs:UInt64})))),
    toDateTime64({day:Date}, 3, 'UTC')
        + toIntervalMillisecond(cityHash64(device, {seed:UInt32}, 1) % 86400000)
        + toIntervalMillisecond(3600000)
        - toIntervalMillisecond(cityHash64(number, {seed:UInt32}, 11) % 781200000) AS at,
    at + 1000,
    lower(hex(sipHash128(if(number % 5 = 4, number + 1000000000, device), {seed:UInt32}, 3))),
    number
FROM (SELECT number, number % {installs:UInt64} AS device FROM numbers({touches:UInt64}))
SETTINGS max_partitions_per_insert_block = 1000
