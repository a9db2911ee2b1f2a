-- Devices whose installs the landed events of {events} may change, and from when on.
--
-- An Application Installed always may. Another event may only as the device's first; for an event
-- of its own day of receipt that is assumed (its day is being built anyway), for a late one it is
-- looked up, or every phone that was offline would have old days built again for nothing.
WITH
    arrived AS
    (
        SELECT
            app_id,
            device_key,
            event_name = 'Application Installed' AS is_install,
            min(occurred_at) AS changed_at,
            toDate(changed_at) < toDate(min(received_at)) AS is_late
        FROM {database:Identifier}.{events:Identifier}
        WHERE event_name = 'Application Installed'
           OR platform IN ('ios', 'android') AND NOT startsWith(device_key, 'message:')
        GROUP BY app_id, device_key, is_install
    )
SELECT app_id, device_key, min(changed_at), max(is_late)
FROM
(
    SELECT * FROM arrived WHERE is_install OR NOT is_late
    UNION ALL
    SELECT arrived.*
    FROM (SELECT * FROM arrived WHERE NOT is_install AND is_late) AS arrived
    LEFT JOIN
    (
        -- The projection first_events has the shape of this query.
        SELECT app_id, device_key, min((occurred_at, message_id)) AS first, true AS is_known
        FROM clean.events
        WHERE (app_id, device_key)
              IN (SELECT app_id, device_key FROM arrived WHERE NOT is_install AND is_late)
          AND platform IN ('ios', 'android')
          AND NOT (event_name = 'Application Installed')
          AND NOT startsWith(device_key, 'message:')
        GROUP BY app_id, device_key
    ) AS known ON arrived.app_id = known.app_id AND arrived.device_key = known.device_key
    WHERE NOT known.is_known OR arrived.changed_at <= known.first.1
)
GROUP BY app_id, device_key
