-- Days of openings that the landed events of {events} may change: their own days; days of published
-- openings of their components from an hour before them on (the pause before one, the install
-- it belongs to, a touch that an earlier one answers); and days that are due already, because a
-- build of such a day may be under way that has not seen these events. Where a day is rebuilt rows
-- may go: the next event of the component comes after a longer pause then.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    arrived AS
    (
        SELECT
            e.app_id AS app_id,
            if(c.component_key = '', e.device_key, c.component_key) AS component_key,
            e.occurred_at AS occurred_at
        FROM {database:Identifier}.{events:Identifier} AS e
        LEFT JOIN
        (
            SELECT app_id, device_key, component_key
            FROM clean.device_components
            WHERE (app_id, device_key)
                  IN (SELECT app_id, device_key FROM {database:Identifier}.{events:Identifier})
        ) AS c ON e.app_id = c.app_id AND e.device_key = c.device_key
    ),
    changed AS
    (
        SELECT app_id, component_key, min(occurred_at) AS changed_at
        FROM arrived
        GROUP BY app_id, component_key
    ),
    (SELECT toDate(min(changed_at)) FROM changed) AS first_day,
    EXISTS
    (
        SELECT 1
        FROM {database:Identifier}.{events:Identifier}
        WHERE landing_seq != {landing_seq:UInt64}
    ) AS is_rebuild,
    device_keys AS
    (
        SELECT app_id, component_key AS device_key, component_key
        FROM changed
        WHERE is_rebuild
        UNION DISTINCT
        SELECT app_id, device_key, component_key
        FROM clean.component_devices
        WHERE is_rebuild AND (app_id, component_key) IN (SELECT app_id, component_key FROM changed)
    )
SELECT DISTINCT
    'attribution',
    day,
    'touched',
    {landing_seq:UInt64},
    'openings',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT toDate(occurred_at) AS day
    FROM {database:Identifier}.{events:Identifier}
    WHERE event_type = 'track'
      AND event_name != 'Application Installed'
      AND platform IN ('ios', 'android')
      AND NOT startsWith(device_key, 'message:')
    UNION DISTINCT
    SELECT toDate(o.opened_at)
    FROM mart.openings AS o
    INNER JOIN changed ON o.app_id = changed.app_id AND o.device_key = changed.component_key
    WHERE toDate(o.opened_at) >= first_day - 1
      AND (o.app_id, o.device_key) IN (SELECT app_id, component_key FROM changed)
      AND o.opened_at >= changed.changed_at - INTERVAL 1 HOUR
    UNION DISTINCT
    SELECT day
    FROM audit.touched_days
    WHERE mart IN ('installs', 'attribution')
    GROUP BY mart, day
    HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
       AND day >= first_day - 1
    UNION DISTINCT
    SELECT toDate(n.occurred_at)
    FROM arrived AS a
    ASOF INNER JOIN
    (
        SELECT e.app_id AS app_id, d.component_key AS component_key, e.occurred_at AS occurred_at
        FROM clean.events AS e
        INNER JOIN device_keys AS d ON e.app_id = d.app_id AND e.device_key = d.device_key
        WHERE (e.app_id, e.device_key) IN (SELECT app_id, device_key FROM device_keys)
    ) AS n
        ON a.app_id = n.app_id AND a.component_key = n.component_key
        AND a.occurred_at < n.occurred_at
)
WHERE EXISTS (SELECT 1 FROM {database:Identifier}.{events:Identifier})
