-- What collectors counted against raw.requests, per app, hour and topic. Counters are cumulative
-- within a boot, so the largest of a boot is its last word, and reports that came twice or were
-- lost do no harm.
--
-- The last hour may go on while the audit runs: of the rows on the right at least those received
-- before the instant must be counted on the left (`settled`), and at most those present may be.
WITH
    fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC') AS received_from,
    fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC') AS received_before
SELECT
    app_id,
    hour,
    topic,
    sum(acknowledged_requests) AS left_requests,
    sum(acknowledged_items) AS left_items,
    sum(unknown_requests) AS open_requests,
    sum(unknown_items) AS open_items,
    sum(settled_requests) AS right_settled_requests,
    sum(settled_items) AS right_settled_items,
    sum(present_requests) AS right_requests,
    sum(present_items) AS right_items
FROM
(
    SELECT
        app_id,
        hour,
        topic,
        max(acknowledged_requests) AS acknowledged_requests,
        max(acknowledged_items) AS acknowledged_items,
        max(unknown_requests) AS unknown_requests,
        max(unknown_items) AS unknown_items,
        0 AS settled_requests,
        0 AS settled_items,
        0 AS present_requests,
        0 AS present_items
    FROM audit.collector_reports
    WHERE topic != ''
      AND hour >= toStartOfHour(received_from) AND hour < received_before
      AND reported_at >= received_from
    GROUP BY app_id, hour, topic, collector_id, boot_id
    UNION ALL
    SELECT
        app_id,
        toStartOfHour(received_at) AS hour,
        topic,
        0, 0, 0, 0,
        countIf(received_at < received_before),
        sumIf(item_count, received_at < received_before),
        count(),
        sum(item_count)
    FROM raw.requests
    WHERE received_at >= toStartOfHour(received_from)
      AND toStartOfHour(received_at) < received_before
    GROUP BY app_id, hour, topic
)
GROUP BY app_id, hour, topic
ORDER BY app_id, hour, topic
