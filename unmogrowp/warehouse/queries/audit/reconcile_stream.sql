-- Records of raw.requests per app, hour and topic: how many lie in landed ranges, how many in all.
SELECT
    app_id,
    toStartOfHour(received_at) AS hour,
    topic,
    countIf(is_in_range) AS in_ranges,
    count() AS present
FROM
(
    SELECT
        q.app_id AS app_id, q.received_at AS received_at, q.topic AS topic,
        q.topic_id AS topic_id, q.partition AS partition, q.offset AS offset,
        r.landing_seq != 0 AND q.offset >= r.start_offset AND q.offset < r.end_offset
            AS is_in_range
    FROM
    (
        SELECT app_id, received_at, topic, topic_id, partition, offset, landing_seq
        FROM raw.requests
        WHERE received_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
          AND received_at < fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC')
          AND frame_index = 0 -- one per record
    ) AS q
    LEFT ANY JOIN
    (
        SELECT landing_seq, topic, topic_id, partition, start_offset, end_offset
        FROM audit.landing_ranges
        WHERE state = 'landed'
    ) AS r
        ON q.landing_seq = r.landing_seq AND q.topic = r.topic AND q.topic_id = r.topic_id
        AND q.partition = r.partition
)
GROUP BY app_id, hour, topic
ORDER BY app_id, hour, topic
