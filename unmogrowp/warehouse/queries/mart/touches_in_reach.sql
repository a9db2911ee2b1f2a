-- What there is of installs of {day} and of touches that they could be matched with, before any id is
-- compared: how many of both, which kinds of ids any touch carries, and whether any came more than a
-- day late.
WITH
    toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms,
    fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC') AS reach_start
SELECT
    (SELECT count() FROM mart.installs WHERE toDate(installed_at) = {day:Date}),
    count(),
    arrayMap(
        carried -> carried.1,
        arrayFilter(carried -> carried.2, [
            ('click_id', max(click_id != '')),
            ('idfa', max(idfa != '')),
            ('idfv', max(idfv != '')),
            ('gaid', max(gaid != '')),
            ('android_id', max(android_id != '')),
            ('user_id', max(user_id != ''))
        ])
    ),
    max(received_at > touch_at + INTERVAL 1 DAY)
FROM clean.touches
WHERE touch_at >= reach_start
  AND touch_at <= fromUnixTimestamp64Milli(day_ms + 86399999 + {reach_after_ms:Int64}, 'UTC')
  AND received_at >= reach_start -- nothing is received before it happened
