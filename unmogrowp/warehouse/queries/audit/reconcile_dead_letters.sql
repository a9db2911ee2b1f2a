-- Records of the dead-letter topic against request-level failures, per app and hour.
WITH
    fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC') AS received_from,
    fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC') AS received_before
SELECT app_id, hour, sum(brought) AS left_count, sum(became) AS right_count
FROM
(
    SELECT app_id, toStartOfHour(received_at) AS hour, count() AS brought, 0 AS became
    FROM raw.requests
    WHERE received_at >= received_from AND received_at < received_before
      AND topic = 'requests.dead_letter.v1'
    GROUP BY app_id, hour
    UNION ALL
    SELECT app_id, toStartOfHour(received_at) AS hour, 0, count()
    FROM clean.failed
    WHERE received_at >= received_from AND received_at < received_before AND level = 'request'
    GROUP BY app_id, hour
)
GROUP BY app_id, hour
ORDER BY app_id, hour
