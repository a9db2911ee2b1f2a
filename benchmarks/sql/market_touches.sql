-- {touches} touches of the devices of market_installs, up to nine days before and one hour after
-- the install: 40 % clicks, each with a click id of its own. One touch in five is of a device that
-- never installs. Fraud rules find something in a few: one touch in fifty is a click of one network
-- within one hour on one device in a thousand; one device in a hundred sees all its ads in one
-- second; one country in fifty is another one; one touch in a hundred carried an id that cannot be one.
INSERT INTO clean.touches
    (app_id, touch_id, touch_type, media_source, campaign, campaign_id, adset, ad, site_id,
     click_id, touch_at, received_at, gaid, params, time_flags, offset)
SELECT
    concat('app', toString(device % 5)),
    lower(left(hex(SHA256(concat('t', toString({seed:UInt32}), '/', toString(number)))), 32)),
    if(is_flood OR cityHash64(number, {seed:UInt32}, 9) % 10 < 4, 'click', 'impression'),
    concat('network_', toString(if(is_flood, 7, cityHash64(number, {seed:UInt32}, 8) % 20))),
    concat('campaign_', toString(cityHash64(number, {seed:UInt32}, 7) % 200)),
    toString(cityHash64(number, {seed:UInt32}, 7) % 200),
    concat('adset_', toString(cityHash64(number, {seed:UInt32}, 7) % 600)),
    concat('ad_', toString(cityHash64(number, {seed:UInt32}, 7) % 2000)),
    concat('site_', toString(cityHash64(number, {seed:UInt32}, 5) % 5000)),
    concat('clk', hex(cityHash64(device, {seed:UInt32}, intDiv(number, {installs:UInt64})))),
    toDateTime64({day:Date}, 3, 'UTC')
        + toIntervalMillisecond(cityHash64(device, {seed:UInt32}, 1) % 86400000)
        + toIntervalMillisecond(3600000)
        - toIntervalMillisecond(multiIf(
            is_flood, 10800000 + cityHash64(number, {seed:UInt32}, 11) % 3600000,
            device % 100 = 7, 18000000,
            cityHash64(number, {seed:UInt32}, 11) % 781200000)) AS at,
    at + 1000,
    lower(hex(sipHash128(
        if(number % 5 = 4 AND NOT is_flood, number + 1000000000, device), {seed:UInt32}, 3
    ))),
    if(number % 3 = 0, map('country', if(cityHash64(number, 12) % 50 = 0, 'FR', 'DE')), map()),
    if(cityHash64(number, 13) % 100 = 0, ['gaid.unusable'], []),
    number
FROM
(
    SELECT
        number,
        cityHash64(number, {seed:UInt32}, 20) % 50 = 0 AS is_flood,
        if(is_flood, cityHash64(number, 21) % greatest(1, intDiv({installs:UInt64}, 1000)) * 1000,
           number % {installs:UInt64}) AS device
    FROM numbers({touches:UInt64})
)
SETTINGS max_partitions_per_insert_block = 1000
