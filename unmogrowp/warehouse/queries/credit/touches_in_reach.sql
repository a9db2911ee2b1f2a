-- Touches that can be on a path of {day}, before any id is compared.
WITH toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms
SELECT count()
FROM clean.touches
WHERE touch_at >= fromUnixTimestamp64Milli(day_ms - {lookback_ms:Int64}, 'UTC')
  AND touch_at <= fromUnixTimestamp64Milli(day_ms + 86399999, 'UTC')
  AND received_at >= fromUnixTimestamp64Milli(day_ms - {lookback_ms:Int64}, 'UTC')
