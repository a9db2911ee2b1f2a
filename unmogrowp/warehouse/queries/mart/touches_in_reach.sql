-- Touches that installs of {day} could be matched with, before any id is compared.
WITH toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms
SELECT count()
FROM clean.touches
WHERE touch_at >= fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC')
  AND touch_at <= fromUnixTimestamp64Milli(day_ms + 86399999 + {reach_after_ms:Int64}, 'UTC')
  AND received_at >= fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC')
