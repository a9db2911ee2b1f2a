-- Rows of mart.installs of {day}, in the order of its columns: the kept installs of
-- staging.{kept} with what their source event says.
WITH
    -- A click id that says nothing, or a macro the network did not expand, is no click id.
    x -> if(
        match(trimBoth(x), '(?i)^(0|null|none|undefined|\\$?\\{.*\\}|\\[.*\\]|%.*%|__.*__)?$'),
        '', trimBoth(x)
    ) AS usable,
    -- Text or number of a JSON object; anything else is absent.
    (json, key) -> if(
        JSONType(json, key) IN ('String', 'Int64', 'UInt64', 'Double'),
        JSONExtract(json, key, 'String'), ''
    ) AS text_of,
    -- Epoch seconds of a store clock in milliseconds; 0 where there is none. Ten digits at most:
    -- a clock in milliseconds would land in the year 50,000.
    (json, key) -> if(
        toFloat64OrZero(text_of(json, key)) >= 1 AND toFloat64OrZero(text_of(json, key)) < 1e10,
        toInt64(floor(toFloat64OrZero(text_of(json, key)))) * 1000, 0
    ) AS clock_ms,
    (pairs, key) -> arrayFirst(pair -> pair.1 = key, pairs).2 AS value_of,
    JSONExtractRaw(properties, 'install_referrer') AS referrer_raw,
    JSONType(properties, 'install_referrer') = 'Object' AS is_object,
    if(is_object, text_of(referrer_raw, 'install_referrer'), text_of(properties, 'install_referrer'))
        AS referrer_given,
    -- Some SDKs pass the whole referrer percent-encoded.
    replaceRegexpOne(
        if(position(referrer_given, '=') = 0 AND positionCaseInsensitive(referrer_given, '%3d') > 0,
           decodeURLComponent(referrer_given), referrer_given),
        '^\\s*\\?', ''
    ) AS referrer_query,
    arrayMap(
        part -> (
            toValidUTF8(decodeURLFormComponent(substring(part, 1, positionOrEnd(part) - 1))),
            toValidUTF8(decodeURLFormComponent(substring(part, positionOrEnd(part) + 1)))
        ),
        splitByChar('&', referrer_query)
    ) AS pairs,
    part -> if(position(part, '=') = 0, length(part) + 1, position(part, '=')) AS positionOrEnd,
    usable(value_of(pairs, 'gclid')) AS gclid,
    trimBoth(value_of(pairs, 'utm_source')) AS utm_source,
    lower(trimBoth(value_of(pairs, 'utm_medium'))) AS utm_medium,
    multiIf(
        lower(utm_source) NOT IN ('', 'google-play', '(not set)', '(direct)')
            AND utm_medium != 'organic', utm_source,
        gclid != '', 'google_ads',
        ''
    ) AS paid_source,
    if(is_object, clock_ms(referrer_raw, 'referrer_click_timestamp_server_seconds'), 0)
        AS server_click_ms,
    if(is_object, clock_ms(referrer_raw, 'referrer_click_timestamp_seconds'), 0) AS client_click_ms,
    if(is_object, clock_ms(referrer_raw, 'install_begin_timestamp_server_seconds'), 0)
        AS server_begin_ms,
    if(is_object, clock_ms(referrer_raw, 'install_begin_timestamp_seconds'), 0) AS client_begin_ms,
    -- The server's clock as it is; the phone's clock corrected like every other time of the event.
    (server_ms, client_ms) -> multiIf(
        server_ms > 0, server_ms,
        client_ms > 0 AND client_ms + clock_skew_ms > 0, client_ms + clock_skew_ms,
        NULL
    ) AS corrected_ms,
    number -> lower(left(hex(SHA256(
        concat(app_id, '\0', component_key, '\0', toString(number))
    )), 32)) AS id_of
SELECT
    app_id,
    id_of(ordinal) AS install_id,
    component_key AS device_key,
    toUInt32(ordinal) AS ordinal,
    occurred_at AS installed_at,
    if(ordinal = 1, 'install', 'reinstall') AS install_kind,
    if(ordinal = 1, '', id_of(ordinal - 1)) AS previous_install_id,
    since_previous_ms,
    is_implied,
    platform,
    app_version,
    device_model,
    country,
    device_id,
    idfa,
    idfv,
    gaid,
    android_id,
    anonymous_id,
    user_id,
    arrayFirst(
        candidate -> candidate != '',
        [
            usable(text_of(properties, 'click_id')),
            usable(value_of(pairs, 'click_id')),
            usable(value_of(pairs, 'clickid')),
            usable(value_of(pairs, 'unmogrowp_click_id')),
            gclid,
            usable(text_of(JSONExtractRaw(context, 'campaign'), 'click_id')),
            usable(text_of(JSONExtractRaw(context, 'referrer'), 'id'))
        ]
    ) AS click_id,
    paid_source AS referrer_media_source,
    if(paid_source = '', '', value_of(pairs, 'utm_campaign')) AS referrer_campaign,
    fromUnixTimestamp64Milli(corrected_ms(server_click_ms, client_click_ms), 'UTC')
        AS referrer_click_at,
    paid_source != '' AND referrer_click_at IS NULL AS is_referrer_time_assumed,
    fromUnixTimestamp64Milli(corrected_ms(server_begin_ms, client_begin_ms), 'UTC')
        AS install_begin_at,
    received_at,
    ip_prefix,
    ip_hash,
    user_agent,
    message_id AS source_message_id,
    os_version,
    JSONExtractRaw(context, 'device', 'adTrackingEnabled') IN ('true', '1', '"true"', '"1"')
        AS has_tracking_consent
FROM
(
    SELECT *
    FROM clean.events
    WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
      AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
      AND occurred_at < toDateTime64({day:Date} + 1, 3, 'UTC')
      AND (app_id, device_key, message_id)
          IN (SELECT app_id, source_device_key, message_id FROM staging.{kept:Identifier})
    -- A copy received after the horizon of deduplication is a second row of the same message.
    ORDER BY received_at, topic_id, partition, offset, frame_index, item_index
    LIMIT 1 BY app_id, device_key, message_id, occurred_at
) AS event
INNER JOIN
(
    SELECT * EXCEPT (device_key), device_key AS component_key FROM staging.{kept:Identifier}
) AS kept
    ON kept.app_id = event.app_id
    AND kept.source_device_key = event.device_key
    AND kept.message_id = event.message_id
    AND kept.installed_ms = toUnixTimestamp64Milli(event.occurred_at)
