-- Events that happened on {day}, before any of them is left out.
SELECT count()
FROM clean.events
WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at < toDateTime64({day:Date} + 1, 3, 'UTC')
