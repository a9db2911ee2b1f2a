-- One row per touch: typed, with the rules of time and of ids applied.
-- Reads the slice of {source} (the columns of raw.requests), writes {target} (those of clean.touches).
-- Refused and uncountable items give no row here, as in clean/split_requests.
INSERT INTO {target:Identifier}
    (app_id, touch_id, touch_type, media_source, campaign, campaign_id, adset, adset_id, ad, ad_id,
     site_id, sub_site_id, click_id, touch_at, received_at, time_flags, idfa, idfv, gaid, android_id,
     user_id, ip_prefix, ip_hash, user_agent, cost_model, cost_value, cost_currency, is_retargeting,
     params, dialect, topic_id, partition, offset, frame_index, item_index, landing_seq)
WITH
    -- ISO 8601, or an epoch: 13 digits are milliseconds, 10 are seconds. Anything else is no instant.
    (text -> multiIf(
        match(text, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?$'),
        parseDateTime64BestEffortOrNull(text, 3, 'UTC'),
        match(text, '^[0-9]{13}$'), fromUnixTimestamp64Milli(toInt64OrZero(text), 'UTC'),
        match(text, '^[0-9]{10}$'), fromUnixTimestamp64Milli(toInt64OrZero(text) * 1000, 'UTC'),
        NULL)) AS instant_of,
    (id -> if(
        match(id, '^[0-9a-z._:-]{1,128}$') AND NOT match(id, '^[0:._-]*$')
        AND id NOT IN ('null', 'none', 'nil', 'undefined', 'unknown', '9774d56d682e549c'),
        id, '')) AS device_id_of,
    (id -> if(
        match(id, '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
        AND id != '00000000-0000-0000-0000-000000000000',
        id, '')) AS advertising_id_of,
    -- An id that was given and has not the shape of one. Blanks, zeros, words for nothing and macros
    -- that nobody filled in say that there is no id; they are no attempt to pass for one.
    ((name, given, usable) -> if(
        usable != '' OR match(given, '^[0:._-]*$')
        OR given IN ('null', 'none', 'nil', 'undefined', 'unknown', '9774d56d682e549c')
        OR match(given, '^([$]?[{].*[}]|\\[.*\\]|%.*%|__.*__)$'),
        '', concat(name, '.unusable'))) AS flag_of
SELECT
    app_id,
    substring(lower(hex(SHA256(arrayStringConcat(multiIf(
        usable_click_id != '',
        ['click', app_id, touch_type, trimBoth(item.media_source), usable_click_id,
         if(own_touch_at IS NULL, concat('hour:', toString(toUnixTimestamp(toStartOfHour(received_at)))),
            toString(toUnixTimestamp64Milli(assumeNotNull(own_touch_at))))],
        own_touch_at IS NOT NULL,
        arrayConcat(
            ['fields', app_id, touch_type, toString(toUnixTimestamp64Milli(assumeNotNull(own_touch_at))),
             item.media_source, item.campaign, item.campaign_id, item.adset, item.adset_id, item.ad,
             item.ad_id, item.site_id, item.sub_site_id, item.idfa, item.idfv, item.gaid,
             item.android_id, item.user_id, item.ip, item.user_agent, item.cost_model,
             item.cost_value, item.cost_currency, item.is_retargeting],
            arrayMap((name, value) -> concat(name, '=', value), mapKeys(all_params), mapValues(all_params))),
        ['request', request_id, toString(item_index)]
    ), '\x1f')))), 1, 32) AS touch_id,
    touch_type,
    trimBoth(item.media_source) AS media_source,
    trimBoth(item.campaign) AS campaign,
    trimBoth(item.campaign_id) AS campaign_id,
    trimBoth(item.adset) AS adset,
    trimBoth(item.adset_id) AS adset_id,
    trimBoth(item.ad) AS ad,
    trimBoth(item.ad_id) AS ad_id,
    trimBoth(item.site_id) AS site_id,
    trimBoth(item.sub_site_id) AS sub_site_id,
    usable_click_id AS click_id,
    if(own_touch_at IS NULL OR own_touch_at > received_at, received_at, assumeNotNull(own_touch_at)) AS touch_at,
    received_at,
    arrayFilter(flag -> flag != '', [
        if(own_touch_at IS NULL AND item.touch_at != '', 'time.unreadable', ''),
        if(own_touch_at > received_at, 'time.future', ''),
        if(usable_click_id = '' AND item.click_id != '', 'click_id.unusable', ''),
        flag_of('idfa', given_idfa, usable_idfa),
        flag_of('idfv', given_idfv, usable_idfv),
        flag_of('gaid', given_gaid, usable_gaid),
        flag_of('android_id', given_android_id, usable_android_id)]) AS time_flags,
    usable_idfa AS idfa,
    usable_idfv AS idfv,
    usable_gaid AS gaid,
    usable_android_id AS android_id,
    trimBoth(item.user_id) AS user_id,
    multiIf(item.ip LIKE '%#%', substringIndex(item.ip, '#', 1), is_from_device, request_ip_prefix, '') AS ip_prefix,
    multiIf(item.ip LIKE '%#%', substringIndex(item.ip, '#', -1), is_from_device, request_ip_hash, '') AS ip_hash,
    multiIf(item.user_agent != '', item.user_agent, is_from_device, request_user_agent, '') AS user_agent,
    lower(trimBoth(item.cost_model)) AS cost_model,
    toDecimal128OrNull(trimBoth(item.cost_value), 9) AS cost_value,
    if(match(item.cost_currency, '^ *[A-Za-z]{3} *$'), upper(trimBoth(item.cost_currency)), '') AS cost_currency,
    lower(item.is_retargeting) IN ('true', '1', 'yes') AS is_retargeting,
    all_params AS params,
    dialect,
    topic_id, partition, offset, frame_index, item_index, landing_seq
FROM
(
    SELECT
        *,
        JSONExtract(item_text, 'Tuple(media_source String, campaign String, campaign_id String, adset String, adset_id String, ad String, ad_id String, site_id String, sub_site_id String, click_id String, touch_at String, idfa String, idfv String, gaid String, android_id String, user_id String, ip String, user_agent String, cost_model String, cost_value String, cost_currency String, is_retargeting String, params String)') AS item,
        instant_of(trimBoth(item.touch_at)) AS own_touch_at,
        if(lower(trimBoth(item.click_id)) IN ('', '0', 'null', 'none', 'undefined')
           OR match(trimBoth(item.click_id), '^([$]?[{].*[}]|\\[.*\\]|%.*%|__.*__)$'),
           '', trimBoth(item.click_id)) AS usable_click_id,
        lower(trimBoth(item.idfa)) AS given_idfa,
        lower(trimBoth(item.idfv)) AS given_idfv,
        lower(trimBoth(item.gaid)) AS given_gaid,
        lower(trimBoth(item.android_id)) AS given_android_id,
        advertising_id_of(given_idfa) AS usable_idfa,
        advertising_id_of(given_idfv) AS usable_idfv,
        advertising_id_of(given_gaid) AS usable_gaid,
        device_id_of(given_android_id) AS usable_android_id,
        mapSort(mapUpdate(
            mapFilter((name, value) -> name NOT IN (
                'app_id', 'media_source', 'campaign', 'campaign_id', 'adset', 'adset_id', 'ad', 'ad_id',
                'site_id', 'sub_site_id', 'click_id', 'touch_at', 'idfa', 'idfv', 'gaid', 'android_id',
                'user_id', 'ip', 'user_agent', 'cost_model', 'cost_value', 'cost_currency',
                'is_retargeting', 'params', 'touch_type', 'touch_id'),
                JSONExtract(item_text, 'Map(String, String)')),
            JSONExtract(item.params, 'Map(String, String)'))) AS all_params,
        -- A network's server names the device it speaks of; whoever names none is the device itself.
        item.ip = '' AND item.user_agent = '' AND match(request_user_agent, '^(Mozilla/|Opera/|Dalvik/|.*CFNetwork/|okhttp/)') AS is_from_device
    FROM
    (
        SELECT
            * EXCEPT (item_texts), item_text, toUInt32(item_position - 1) AS item_index
        FROM
        (
            SELECT
                app_id, request_id, received_at, dialect, item_count, rejected.item_index AS refused,
                if(path = '/v1/impression', 'impression', 'click') AS touch_type,
                ip_prefix AS request_ip_prefix, ip_hash AS request_ip_hash, user_agent AS request_user_agent,
                topic_id, partition, offset, frame_index, landing_seq,
                JSONExtract(if(JSONType(body, 'batch') = 'Array', body, concat('{"batch":[', body, ']}')),
                    'Tuple(batch Array(String))').batch AS item_texts
            FROM {source:Identifier}
            WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
              AND offset >= {start:UInt64} AND offset < {end:UInt64}
              AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
              AND code = ''
        )
        ARRAY JOIN item_texts AS item_text, arrayEnumerate(item_texts) AS item_position
        WHERE length(item_texts) = item_count
    )
    WHERE NOT has(refused, item_index)
)
