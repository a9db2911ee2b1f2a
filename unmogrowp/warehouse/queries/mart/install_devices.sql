-- Devices that may have an install on {day}: an Application Installed on it, or a first event on
-- it. Nothing occurs after its receipt, so days of receipt before {day} cannot hold either.
SELECT app_id, device_key
FROM clean.events
WHERE event_name = 'Application Installed'
  AND received_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at < toDateTime64({day:Date} + 1, 3, 'UTC')
UNION DISTINCT
-- The projection first_events has the shape of this query.
SELECT app_id, device_key
FROM clean.events
WHERE toDate(received_at) >= {day:Date}
  AND platform IN ('ios', 'android')
  AND NOT (event_name = 'Application Installed')
  AND NOT startsWith(device_key, 'message:')
GROUP BY app_id, device_key
HAVING min((occurred_at, message_id)).1 >= toDateTime64({day:Date}, 3, 'UTC')
   AND min((occurred_at, message_id)).1 < toDateTime64({day:Date} + 1, 3, 'UTC')
