-- Items become typed rows, with the rules of time and of ids applied.
-- Reads {source} (the columns of staging.items), writes {target} (those of clean.events).
-- Every expression is safe for every row: the statement runs without short-circuit evaluation.
-- Read from the inside: the item, what it says of itself, what we make of it.
INSERT INTO {target:Identifier}
    (app_id, message_id, event_type, event_name, anonymous_id, user_id, device_id, idfa, idfv, gaid,
     android_id, device_key, platform, os_version, app_version, device_model, locale, country,
     original_at, sent_at, received_at, occurred_at, clock_skew_ms, time_flags, revenue, currency,
     properties, context, dialect, sdk_name, sdk_version, ip_prefix, ip_hash, user_agent,
     topic_id, partition, offset, frame_index, item_index, landing_seq)
WITH
    -- ISO 8601, or an epoch: 13 digits are milliseconds, 10 are seconds. Anything else is no instant.
    (text -> parseDateTime64BestEffortOrNull(if(
        match(text, '^([0-9]{13}|[0-9]{10}|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?)$'),
        text, ''), 3, 'UTC')) AS instant_of,
    (id -> if(
        match(id, '^[0-9a-z._:-]{1,128}$') AND trim(BOTH '0:._-' FROM id) != ''
        AND id NOT IN ('null', 'none', 'nil', 'undefined', 'unknown', '9774d56d682e549c'),
        id, '')) AS device_id_of,
    (id -> if(
        match(id, '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
        AND id != '00000000-0000-0000-0000-000000000000',
        id, '')) AS advertising_id_of
SELECT
    app_id,
    message_id,
    event_type,
    if(event_type = 'track', event, '') AS event_name,
    anonymous_id,
    user_id,
    device_id,
    if(platform = 'ios', advertising_id, '') AS idfa,
    if(platform = 'ios', device_id, '') AS idfv,
    if(platform = 'android', advertising_id, '') AS gaid,
    if(platform = 'android', device_id, '') AS android_id,
    multiIf(device_id != '', device_id, advertising_id != '', advertising_id,
            anonymous_id != '', anonymous_id, concat('message:', message_id)) AS device_key,
    platform,
    ctx.os.version AS os_version,
    ctx.app.version AS app_version,
    ctx.device.model AS device_model,
    ctx.locale AS locale,
    if(match(ctx.location.country, '^[A-Za-z]{2}$'), upper(ctx.location.country), '') AS country,
    client_at AS original_at,
    sent AS sent_at,
    received_at,
    fromUnixTimestamp64Milli(least(corrected_ms, received_ms), 'UTC') AS occurred_at,
    clock_skew_ms,
    if(client_at IS NOT NULL AND clock_skew_ms = measured_skew_ms AND corrected_ms <= received_ms,
       [],
       arrayFilter(flag -> flag != '', [
           if(client_at IS NULL, if(client_text = '', 'time.missing', 'time.unreadable'), ''),
           if(clock_skew_ms != measured_skew_ms, 'time.skew_ignored', ''),
           if(corrected_ms > received_ms, 'time.future', '')])) AS time_flags,
    toDecimal128OrNull(trimBoth(money.revenue), 9) AS revenue,
    if(match(money.currency, '^ *[A-Za-z]{3} *$'), upper(trimBoth(money.currency)), '') AS currency,
    properties,
    context,
    dialect,
    ctx.library.name AS sdk_name,
    ctx.library.version AS sdk_version,
    multiIf(has_address, substringIndex(ctx.ip, '#', 1), is_server, '', ip_prefix) AS item_ip_prefix,
    multiIf(has_address, substringIndex(ctx.ip, '#', -1), is_server, '', ip_hash) AS item_ip_hash,
    multiIf(ctx.userAgent != '', ctx.userAgent, is_server, '', user_agent) AS item_user_agent,
    topic_id, partition, offset, frame_index, item_index, landing_seq
FROM
(
    SELECT
        *,
        -- A difference that was sent along within 30 days is the phone's clock, however wrong it is.
        multiIf(
            client_at IS NULL, 0,
            sent_ms - client_ms BETWEEN 0 AND 2592000000, measured_skew_ms,
            abs(measured_skew_ms) <= 315360000000, measured_skew_ms,
            0) AS clock_skew_ms,
        ifNull(client_ms + clock_skew_ms, received_ms) AS corrected_ms
    FROM
    (
        SELECT
            *,
            instant_of(client_text) AS client_at,
            if(sent_text != '', instant_of(sent_text), instant_of(request_sent_text)) AS sent,
            toUnixTimestamp64Milli(client_at) AS client_ms,
            toUnixTimestamp64Milli(sent) AS sent_ms,
            toUnixTimestamp64Milli(received_at) AS received_ms,
            channel = 'server'
                OR match(lower(ctx.library.name), '(^|[/_. -])(python|node|node[.]js|ruby|php|java|go|golang|net|dotnet|rust)$') AS is_server,
            if(is_server OR brings_received_at, 0, ifNull(received_ms - sent_ms, 0)) AS measured_skew_ms,
            lower(ctx.device.type) AS device_type,
            lower(ctx.os.name) AS os_name,
            multiIf(device_type IN ('ios', 'iphone', 'ipad') OR os_name IN ('ios', 'iphone os', 'ipados'), 'ios',
                    device_type = 'android' OR os_name = 'android', 'android',
                    is_server, 'server',
                    ctx.page != '' OR match(lower(ctx.library.name), 'javascript|analytics([.]js|-next)$'), 'web',
                    'other') AS platform,
            device_id_of(lower(trimBoth(ctx.device.id))) AS device_id,
            if(ctx.device.adTrackingEnabled IN ('false', '0'), '',
               advertising_id_of(lower(trimBoth(ctx.device.advertisingId)))) AS advertising_id,
            position(ctx.ip, '#') > 0 AS has_address
        FROM
        (
            SELECT
                *,
                JSONExtract(context, 'Tuple(device Tuple(id String, advertisingId String, adTrackingEnabled LowCardinality(String), model LowCardinality(String), type LowCardinality(String)), app Tuple(version LowCardinality(String)), os Tuple(name LowCardinality(String), version LowCardinality(String)), library Tuple(name LowCardinality(String), version LowCardinality(String)), location Tuple(country LowCardinality(String)), page String, locale LowCardinality(String), ip String, userAgent String)') AS ctx,
                JSONExtract(if(position(properties, '"revenue"') > 0, properties, ''), 'Tuple(revenue String, currency String)') AS money
            FROM {source:Identifier}
        )
    )
)
