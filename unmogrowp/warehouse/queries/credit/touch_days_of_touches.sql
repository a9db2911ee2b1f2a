-- Days whose journeys the landed touches of {touches} may change: their own day, and later days, at
-- most {lookback_ms} on, with a conversion or a touch that shares an id or a component with one of
-- them. A touch of the newest day has no later days, so what lands in time costs next to nothing here.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    (tag, id) -> if(id = '', '', concat(tag, id)) AS key_of,
    (
        SELECT (min(touch_at), max(touch_at))
        FROM {database:Identifier}.{touches:Identifier}
    ) AS span,
    toDateTime64(toDate(span.1) + 1, 3, 'UTC') AS later_start,
    fromUnixTimestamp64Milli(
        toUnixTimestamp64Milli(span.2) + {lookback_ms:Int64}, 'UTC') AS later_end,
    arrived AS
    (
        SELECT
            app_id,
            arrayJoin(arrayFilter(k -> k != '', [
                key_of('c', if(click_id = '0', '', click_id)),
                key_of('d', real(idfa)),
                key_of('d', real(idfv)),
                key_of('d', real(gaid)),
                key_of('d', real(android_id)),
                key_of('u', real(user_id))
            ])) AS key,
            min(touch_at) AS first_at,
            max(touch_at) AS last_at
        FROM {database:Identifier}.{touches:Identifier}
        GROUP BY app_id, key
    ),
    -- Components are looked up for late touches alone: the others have no later days yet.
    late AS
    (
        SELECT app_id, substring(key, 2) AS id, first_at, last_at
        FROM arrived
        WHERE key NOT LIKE 'c%'
          AND toDate(first_at) < toDate(fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'))
    ),
    components AS
    (
        SELECT
            i.app_id AS app_id, i.component_key AS component_key,
            min(l.first_at) AS first_at, max(l.last_at) AS last_at
        FROM clean.identities AS i
        INNER JOIN late AS l ON l.app_id = i.app_id AND l.id = i.identifier
        WHERE (i.app_id, i.identifier) IN (SELECT app_id, id FROM late)
        GROUP BY app_id, component_key
    ),
    members AS
    (
        SELECT app_id, component_key, device_key
        FROM clean.component_devices
        WHERE (app_id, component_key) IN (SELECT app_id, component_key FROM components)
        UNION DISTINCT
        SELECT app_id, component_key, component_key FROM components
    ),
    -- Everything that was ever seen with a device of these components: too much is no harm.
    family AS
    (
        SELECT
            l.app_id AS app_id,
            concat(if(l.kind = 'user_id', 'u', 'd'), l.other) AS key,
            min(c.first_at) AS first_at,
            max(c.last_at) AS last_at
        FROM clean.identity_links AS l
        INNER JOIN members AS m ON m.app_id = l.app_id AND m.device_key = l.node
        INNER JOIN components AS c ON c.app_id = m.app_id AND c.component_key = m.component_key
        WHERE l.side = 'device'
          AND (l.app_id, l.node) IN (SELECT app_id, device_key FROM members)
        GROUP BY app_id, key
    ),
    later AS
    (
        SELECT
            app_id, installed_at AS at,
            [key_of('c', if(click_id = '0', '', click_id)), key_of('d', device_key),
             key_of('d', real(idfa)), key_of('d', real(idfv)), key_of('d', real(device_id)),
             key_of('d', real(gaid)), key_of('d', real(android_id)),
             key_of('u', real(user_id))] AS keys
        FROM mart.installs
        WHERE toDate(installed_at) BETWEEN toDate(later_start) AND toDate(later_end)
        UNION ALL
        SELECT
            app_id, occurred_at,
            [key_of('d', device_key), key_of('d', real(idfa)), key_of('d', real(idfv)),
             key_of('d', real(device_id)), key_of('d', real(gaid)), key_of('d', real(android_id)),
             key_of('u', real(user_id))]
        FROM clean.events
        WHERE occurred_at BETWEEN later_start AND later_end
          AND received_at >= later_start
          AND (has({event_names:Array(String)}, event_name)
               OR has({currencies:Array(String)}, currency))
        UNION ALL
        SELECT
            app_id, touch_at,
            [key_of('c', if(click_id = '0', '', click_id)), key_of('d', real(idfa)),
             key_of('d', real(idfv)), key_of('d', real(gaid)), key_of('d', real(android_id)),
             key_of('u', real(user_id))]
        FROM clean.touches
        WHERE touch_at BETWEEN later_start AND later_end
          AND received_at >= later_start
    )
SELECT DISTINCT
    'credit',
    day,
    'touched',
    {landing_seq:UInt64},
    'touches',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT toDate(touch_at) AS day FROM {database:Identifier}.{touches:Identifier}
    UNION DISTINCT
    SELECT toDate(l.at)
    FROM (SELECT app_id, at, arrayJoin(arrayFilter(k -> k != '', keys)) AS key FROM later) AS l
    INNER JOIN (SELECT * FROM arrived UNION ALL SELECT * FROM family) AS a
        ON l.app_id = a.app_id AND l.key = a.key
    WHERE l.at >= a.first_at
      AND dateDiff('millisecond', a.last_at, l.at) <= {lookback_ms:Int64}
)
