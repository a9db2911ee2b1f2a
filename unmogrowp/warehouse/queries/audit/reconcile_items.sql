-- Items that requests brought against the rows they became, per app, hour and topic.
WITH
    fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC') AS received_from,
    fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC') AS received_before
SELECT app_id, hour, topic, sum(brought) AS left_count, sum(became) AS right_count
FROM
(
    SELECT app_id, toStartOfHour(received_at) AS hour, topic, sum(item_count) AS brought, 0 AS became
    FROM raw.requests
    WHERE received_at >= received_from AND received_at < received_before
      AND topic IN ('events.v1', 'touches.v1', 'postbacks.v1')
    GROUP BY app_id, hour, topic
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, 'events.v1', 0, count()
    FROM clean.events
    WHERE received_at >= received_from AND received_at < received_before
    GROUP BY app_id, hour
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, 'touches.v1', 0, count()
    FROM clean.touches
    WHERE received_at >= received_from AND received_at < received_before
    GROUP BY app_id, hour
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour,
           if(kind = 'touch', 'touches.v1', 'events.v1'), 0, count()
    FROM clean.duplicates
    WHERE received_at >= received_from AND received_at < received_before
    GROUP BY app_id, hour, kind
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, topic, 0, count()
    FROM clean.failed
    WHERE received_at >= received_from AND received_at < received_before AND level = 'item'
    GROUP BY app_id, hour, topic
)
GROUP BY app_id, hour, topic
ORDER BY app_id, hour, topic
