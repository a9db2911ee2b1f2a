-- Rows of mart.openings from {first_day} to {last_day}, in the order of its columns, of the components
-- in staging.{devices} in one of {buckets} buckets; their installs up to {last_day} are in
-- staging.{kept}.
--
-- An event that is as old as the install is part of it. An opening by any other event needs a pause:
-- every tap would be one otherwise. Events of one instant have the same pause before them.
WITH
    60000 AS shortest_pause_ms,
    toDateTime64({first_day:Date}, 3, 'UTC') AS first_at,
    toDateTime64({last_day:Date} + 1, 3, 'UTC') AS end_at,
    -- A click id that says nothing, or a macro the network did not expand, is no click id.
    x -> if(
        match(trimBoth(x), '(?i)^(0|null|none|undefined|\\$?\\{.*\\}|\\[.*\\]|%.*%|__.*__)?$'),
        '', trimBoth(x)
    ) AS usable,
    (json, key) -> if(
        JSONType(json, key) IN ('String', 'Int64', 'UInt64', 'Double'),
        JSONExtract(json, key, 'String'), ''
    ) AS text_of,
    device_keys AS
    (
        SELECT app_id, device_key, component_key
        FROM staging.{devices:Identifier}
        WHERE cityHash64(app_id, component_key) % {buckets:UInt32} = {bucket:UInt32}
    ),
    happened AS
    (
        SELECT
            e.*,
            d.component_key AS component_key,
            toUnixTimestamp64Milli(e.occurred_at) AS at_ms
        FROM
        (
            SELECT
                app_id, device_key, message_id, event_type, event_name, platform, country,
                occurred_at, received_at, device_id, idfa, idfv, gaid, android_id, user_id,
                -- Taken from the JSON here, so that no text is carried through sorts.
                arrayFirst(
                    candidate -> candidate != '',
                    [
                        usable(text_of(properties, 'click_id')),
                        usable(text_of(JSONExtractRaw(context, 'campaign'), 'click_id')),
                        usable(text_of(JSONExtractRaw(context, 'referrer'), 'id'))
                    ]
                ) AS click_id,
                ip_prefix, topic_id, partition, offset, frame_index, item_index
            FROM clean.events
            WHERE received_at >= first_at AND occurred_at >= first_at AND occurred_at < end_at
              AND (app_id, device_key) IN (SELECT app_id, device_key FROM device_keys)
        ) AS e
        INNER JOIN device_keys AS d
            ON e.app_id = d.app_id AND e.device_key = d.device_key
        -- A copy received after the horizon of deduplication is a second row of the same message.
        ORDER BY received_at, topic_id, partition, offset, frame_index, item_index
        LIMIT 1 BY app_id, component_key, message_id, occurred_at
    ),
    seen_before AS
    (
        SELECT e.app_id AS app_id, d.component_key AS component_key,
               max(toUnixTimestamp64Milli(e.last_at)) AS last_ms
        FROM
        (
            SELECT app_id, device_key, max(occurred_at) AS last_at
            FROM clean.events
            PREWHERE device_key IN (SELECT device_key FROM device_keys) -- as in mart/kept_installs
            WHERE occurred_at < first_at
              AND (app_id, device_key) IN (SELECT app_id, device_key FROM device_keys)
            GROUP BY app_id, device_key
        ) AS e
        INNER JOIN device_keys AS d
            ON e.app_id = d.app_id AND e.device_key = d.device_key
        GROUP BY app_id, component_key
    ),
    paused AS
    (
        SELECT
            h.*,
            max(at_ms) OVER (
                PARTITION BY app_id, component_key ORDER BY at_ms
                RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS previous_ms
        FROM happened AS h
    ),
    of_installs AS
    (
        SELECT p.*, k.ordinal AS ordinal, k.installed_ms AS installed_ms
        FROM
        (
            SELECT *
            FROM paused
            WHERE event_type = 'track'
              AND event_name != 'Application Installed'
              AND platform IN ('ios', 'android')
              AND NOT startsWith(device_key, 'message:')
        ) AS p
        ASOF INNER JOIN
        (
            SELECT app_id, device_key AS component_key, installed_ms, ordinal
            FROM staging.{kept:Identifier}
        ) AS k
            ON p.app_id = k.app_id AND p.component_key = k.component_key
            AND p.at_ms >= k.installed_ms
    )
SELECT
    o.app_id,
    lower(left(hex(SHA256(concat(
        o.app_id, '\0', install_id, '\0re_engagement\0', o.message_id, '\0', toString(o.at_ms)
    ))), 32)) AS conversion_id,
    lower(left(hex(SHA256(
        concat(o.app_id, '\0', o.component_key, '\0', toString(o.ordinal))
    )), 32)) AS install_id,
    o.component_key AS device_key,
    o.occurred_at AS opened_at,
    fromUnixTimestamp64Milli(o.installed_ms, 'UTC') AS installed_at,
    o.at_ms - greatest(o.previous_ms, b.last_ms) AS inactive_ms,
    o.event_name,
    o.platform,
    o.country,
    o.device_id,
    o.idfa,
    o.idfv,
    o.gaid,
    o.android_id,
    o.user_id,
    o.click_id,
    o.received_at,
    o.ip_prefix,
    o.message_id AS source_message_id
FROM of_installs AS o
LEFT JOIN seen_before AS b ON o.app_id = b.app_id AND o.component_key = b.component_key
WHERE o.installed_ms < o.at_ms
  AND (o.event_name IN ('Application Opened', 'Deep Link Opened')
       OR inactive_ms >= shortest_pause_ms)
