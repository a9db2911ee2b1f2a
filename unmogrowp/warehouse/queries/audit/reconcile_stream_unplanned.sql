-- Records of raw.requests outside every landed range, for one audit.
SELECT q.app_id, toStartOfHour(q.received_at) AS hour, q.topic,
       concat(q.topic_id, '/', toString(q.partition), '/', toString(q.offset)) AS id
FROM
(
    SELECT app_id, received_at, topic, topic_id, partition, offset, landing_seq
    FROM raw.requests
    WHERE received_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
      AND received_at < fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC')
) AS q
LEFT ANY JOIN
(
    SELECT landing_seq, topic, topic_id, partition, start_offset, end_offset
    FROM audit.landing_ranges
    WHERE state = 'landed'
) AS r
    ON q.landing_seq = r.landing_seq AND q.topic = r.topic AND q.topic_id = r.topic_id
    AND q.partition = r.partition
WHERE NOT (r.landing_seq != 0 AND q.offset >= r.start_offset AND q.offset < r.end_offset)
ORDER BY id
LIMIT {limit:UInt32}
