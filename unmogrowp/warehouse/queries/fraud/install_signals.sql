-- Decided installs of {day} that stand out: by the number of installs from their network, by the
-- number of events in one minute or of one event in one second, or by a click to install time below
-- {ctit_floor_ms}.
WITH
    toDateTime64({day:Date}, 3, 'UTC') AS day_start,
    decided AS
    (
        SELECT app_id, install_id, device_key, media_source, site_id, installed_at,
               if(touch_type = 'click', ctit_ms, NULL) AS click_ctit_ms
        FROM mart.attributed_installs
        WHERE ruleset_id = {ruleset_id:String}
          AND toDate(installed_at) = {day:Date}
          AND conversion_kind != 're_engagement'
    ),
    -- An install belongs to a component; its events carry any of the component's device keys.
    decided_keys AS
    (
        SELECT app_id, install_id, installed_at, device_key AS event_key
        FROM decided
        UNION DISTINCT
        SELECT d.app_id, d.install_id, d.installed_at, c.device_key
        FROM decided AS d
        INNER JOIN
        (
            SELECT app_id, component_key, device_key
            FROM clean.component_devices
            WHERE (app_id, component_key) IN (SELECT app_id, device_key FROM decided)
        ) AS c ON c.app_id = d.app_id AND c.component_key = d.device_key
    ),
    crowded AS
    (
        SELECT app_id, install_id, installs
        FROM
        (
            SELECT app_id, install_id, count() OVER (PARTITION BY app_id, ip_prefix) AS installs
            FROM mart.installs
            WHERE toDate(installed_at) = {day:Date} AND ip_prefix != ''
        )
        WHERE installs > {network_floor:Float64}
    ),
    hasty AS
    (
        SELECT app_id, install_id, max(of_minute) AS most_events, max(at_once) AS most_at_once
        FROM
        (
            SELECT app_id, install_id, sum(events) AS of_minute,
                   maxIf(events, event_name != '') AS at_once
            FROM
            (
                SELECT d.app_id AS app_id, d.install_id AS install_id, event_name,
                       toStartOfSecond(e.occurred_at) AS second, count() AS events
                FROM clean.events AS e
                INNER JOIN decided_keys AS d ON d.app_id = e.app_id AND d.event_key = e.device_key
                WHERE e.received_at >= day_start -- nothing is received before it happened
                  AND e.occurred_at >= day_start
                  AND e.occurred_at < day_start + INTERVAL 2 DAY
                  AND (e.app_id, e.device_key) IN (SELECT app_id, event_key FROM decided_keys)
                  AND e.occurred_at >= d.installed_at
                  AND e.occurred_at < d.installed_at + INTERVAL 24 HOUR
                GROUP BY app_id, install_id, event_name, second
            )
            GROUP BY app_id, install_id, toStartOfMinute(second)
        )
        GROUP BY app_id, install_id
        HAVING most_events > {minute_floor:Float64} OR most_at_once > {second_floor:Float64}
    )
SELECT
    d.app_id AS app_id,
    d.install_id AS install_id,
    d.media_source AS media_source,
    d.site_id AS site_id,
    c.installs AS network_installs,
    h.most_events AS events_per_minute,
    h.most_at_once AS same_event_per_second,
    d.click_ctit_ms AS click_ctit_ms
FROM decided AS d
LEFT JOIN crowded AS c ON c.app_id = d.app_id AND c.install_id = d.install_id
LEFT JOIN hasty AS h ON h.app_id = d.app_id AND h.install_id = d.install_id
WHERE network_installs > 0 OR events_per_minute > 0 OR click_ctit_ms < {ctit_floor_ms:Float64}
ORDER BY app_id, install_id
