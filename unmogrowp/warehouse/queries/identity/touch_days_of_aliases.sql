-- Days of published installs that events of the device keys in staging.{aliases} may change. Landing
-- touched the days of the events themselves; it knows nothing of components, under whose names the
-- installs are published. An Application Installed may change what comes from an hour before it
-- on, another event only what comes after it, and only where it is the first.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    changed AS
    (
        SELECT
            a.app_id AS app_id,
            a.component_key AS component_key,
            e.event_name = 'Application Installed' AS is_install,
            min(e.occurred_at) AS changed_at
        FROM clean.events AS e
        INNER JOIN staging.{aliases:Identifier} AS a
            ON e.app_id = a.app_id AND e.device_key = a.device_key
        WHERE e.landing_seq > {after:UInt64}
          AND e.landing_seq <= {through:UInt64}
          AND (e.app_id, e.device_key) IN (SELECT app_id, device_key FROM staging.{aliases:Identifier})
          AND (e.event_name = 'Application Installed' OR e.platform IN ('ios', 'android'))
        GROUP BY app_id, component_key, is_install
    ),
    published AS
    (
        SELECT app_id, device_key, installed_at,
               min(installed_at) OVER (PARTITION BY app_id, device_key) AS first_installed_at
        FROM mart.installs
        WHERE (app_id, device_key) IN (SELECT app_id, component_key FROM changed)
    )
SELECT DISTINCT
    'installs',
    toDate(p.installed_at),
    'touched',
    {landing_seq:UInt64},
    'identity',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM published AS p
INNER JOIN changed AS c ON p.app_id = c.app_id AND p.device_key = c.component_key
WHERE if(c.is_install,
         p.installed_at >= c.changed_at - INTERVAL 1 HOUR,
         c.changed_at <= p.first_installed_at)
