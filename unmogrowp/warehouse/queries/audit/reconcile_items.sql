-- Items that requests brought against the rows they became, per app, hour and topic.
--
-- `checksum` adds up a number per item made of its coordinates (+ on the left, - on the right): it
-- is 0 when both sides hold the same items, and shows a lost row that a doubled one would hide.
WITH
    fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC') AS received_from,
    fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC') AS received_before,
    cityHash64(topic_id, partition, offset, frame_index) AS request,
    toUInt64(0) - sum(request + item_index) AS minus_rows
SELECT app_id, hour, topic, sum(brought) AS left_count, sum(became) AS right_count,
       sum(checksum) = 0 AS is_same
FROM
(
    SELECT app_id, toStartOfHour(received_at) AS hour, topic, sum(item_count) AS brought,
           0 AS became,
           -- item_count times the request plus 0 + 1 + ... + (item_count - 1)
           sum(request * item_count + intDiv(toUInt64(item_count) * (item_count - 1), 2))
               AS checksum
    FROM raw.requests
    WHERE received_at >= received_from AND received_at < received_before
      AND topic IN ('events.v1', 'touches.v1', 'postbacks.v1') AND item_count > 0
    GROUP BY app_id, hour, topic
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, 'events.v1', 0, count(), minus_rows
    FROM clean.events
    WHERE received_at >= received_from AND received_at < received_before
    GROUP BY app_id, hour
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, 'touches.v1', 0, count(), minus_rows
    FROM clean.touches
    WHERE received_at >= received_from AND received_at < received_before
    GROUP BY app_id, hour
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour,
           if(kind = 'touch', 'touches.v1', 'events.v1'), 0, count(), minus_rows
    FROM clean.duplicates
    WHERE received_at >= received_from AND received_at < received_before
    GROUP BY app_id, hour, kind
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, topic, 0, count(), minus_rows
    FROM clean.failed
    WHERE received_at >= received_from AND received_at < received_before AND level = 'item'
    GROUP BY app_id, hour, topic
)
GROUP BY app_id, hour, topic
ORDER BY app_id, hour, topic
