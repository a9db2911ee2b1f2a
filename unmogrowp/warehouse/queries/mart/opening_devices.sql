-- Devices that may have an opening on {day}: those with an event of a phone on it.
SELECT DISTINCT app_id, device_key
FROM clean.events
WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at < toDateTime64({day:Date} + 1, 3, 'UTC')
  AND event_type = 'track'
  AND event_name != 'Application Installed'
  AND platform IN ('ios', 'android')
  AND NOT startsWith(device_key, 'message:')
