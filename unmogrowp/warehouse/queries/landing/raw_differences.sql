-- Partitions of which raw.requests does not hold what landing counted for a day.
SELECT
    topic, partition,
    sum(landed_records) AS landed_records, sum(landed_items) AS landed_items, sum(landed_bytes) AS landed_bytes,
    sum(raw_records) AS raw_records, sum(raw_items) AS raw_items, sum(raw_bytes) AS raw_bytes
FROM
(
    SELECT toString(topic) AS topic, toString(topic_id) AS topic_id, partition,
           record_count AS landed_records, item_count AS landed_items, body_bytes AS landed_bytes,
           0 AS raw_records, 0 AS raw_items, 0 AS raw_bytes
    FROM audit.landing_ranges
    WHERE state = 'landed' AND received_on = {day:Date}
    UNION ALL
    SELECT toString(topic), toString(topic_id), partition, 0, 0, 0, 1, item_count, length(body)
    FROM raw.requests
    WHERE toDate(received_at) = {day:Date}
)
GROUP BY topic, topic_id, partition
HAVING landed_records != raw_records OR landed_items != raw_items OR landed_bytes != raw_bytes
ORDER BY topic, partition
