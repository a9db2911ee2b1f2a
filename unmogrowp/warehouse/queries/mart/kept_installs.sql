-- Installs from {first_day} to {last_day} of the components in staging.{devices}, numbered over the
-- whole life of each; that table names every device key of each component. An Application
-- Installed at most one hour after the previous kept one is the same install. A first event from a
-- phone is an implied install, unless an Application Installed came before it or at most one hour
-- after it (that one takes its place).
--
-- PREWHERE says nothing that WHERE does not: one short column decides what of all history is looked at
-- closer, three times as fast as the pair does. The pair is what the primary key is searched by.
WITH
    3600000 AS merge_ms,
    (kept, point) -> if(
        empty(kept) OR point.1 > kept[-1].1 + merge_ms, arrayPushBack(kept, point), kept
    ) AS keep
SELECT
    app_id,
    component_key AS device_key,
    kept[ordinal].3 AS source_device_key,
    kept[ordinal].1 AS installed_ms,
    kept[ordinal].2 AS message_id,
    ordinal,
    if(ordinal = 1, NULL, installed_ms - kept[ordinal - 1].1) AS since_previous_ms,
    has_implied AND ordinal = 1 AS is_implied
FROM
(
    SELECT
        app_id,
        component_key,
        arrayFold(
            keep,
            arraySort(groupArrayIf(point, is_install)),
            CAST([], 'Array(Tuple(Int64, String, String))')
        ) AS explicit,
        minIf(point, NOT is_install) AS first_event,
        countIf(NOT is_install) > 0
            AND (empty(explicit) OR explicit[1].1 > first_event.1 + merge_ms) AS has_implied,
        if(has_implied, arrayPushFront(explicit, first_event), explicit) AS kept
    FROM
    (
        SELECT
            app_id,
            device_key,
            true AS is_install,
            CAST((toUnixTimestamp64Milli(occurred_at), message_id, device_key),
                 'Tuple(Int64, String, String)') AS point
        FROM clean.events
        PREWHERE device_key IN (SELECT device_key FROM staging.{devices:Identifier})
        WHERE event_name = 'Application Installed'
          AND (app_id, device_key) IN (SELECT app_id, device_key FROM staging.{devices:Identifier})
        UNION ALL
        -- The projection first_events has the shape of this query.
        SELECT
            app_id,
            device_key,
            false AS is_install,
            CAST((toUnixTimestamp64Milli(first.1), first.2, device_key),
                 'Tuple(Int64, String, String)') AS point
        FROM
        (
            SELECT app_id, device_key, min((occurred_at, message_id)) AS first
            FROM clean.events
            PREWHERE device_key IN (SELECT device_key FROM staging.{devices:Identifier})
            WHERE (app_id, device_key) IN (SELECT app_id, device_key FROM staging.{devices:Identifier})
              AND platform IN ('ios', 'android')
              AND NOT (event_name = 'Application Installed')
              AND NOT startsWith(device_key, 'message:')
            GROUP BY app_id, device_key
        )
    ) AS points
    INNER JOIN staging.{devices:Identifier} AS devices
        ON points.app_id = devices.app_id AND points.device_key = devices.device_key
    GROUP BY points.app_id AS app_id, devices.component_key AS component_key
)
ARRAY JOIN arrayEnumerate(kept) AS ordinal
WHERE installed_ms >= toUnixTimestamp64Milli(toDateTime64({first_day:Date}, 3, 'UTC'))
  AND installed_ms < toUnixTimestamp64Milli(toDateTime64({last_day:Date} + 1, 3, 'UTC'))
