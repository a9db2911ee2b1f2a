-- Records of landed ranges that raw.requests holds more than once, and how many too many.
WITH
    ranges AS
    (
        SELECT
            landing_seq, topic, topic_id, partition, start_offset, end_offset,
            toInt64(toUnixTimestamp(toDateTime(max(received_on), 'UTC'))) * 1000 AS fallback_ms
        FROM audit.landing_ranges
        WHERE state = 'landed'
          AND topic IN ('events.v1', 'touches.v1', 'postbacks.v1', 'requests.dead_letter.v1')
        GROUP BY landing_seq, topic, topic_id, partition, start_offset, end_offset
        HAVING max(received_on) >= toDate(fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC'))
           AND min(received_on)
               <= toDate(fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC'))
    ),
    -- Ranges cross midnight: their records are looked for on every day they were counted for.
    (
        SELECT min(received_on)
        FROM audit.landing_ranges
        WHERE landing_seq IN (SELECT landing_seq FROM ranges) AND record_count > 0
    ) AS first_day,
    -- A range is whole when it has as many records as offsets and their sum is that of its offsets:
    -- cheap to know, and only of the others every offset is looked at.
    suspects AS
    (
        SELECT r.landing_seq AS landing_seq
        FROM ranges AS r
        LEFT JOIN
        (
            SELECT landing_seq, topic_id, partition, count() AS records, sum(offset) AS total
            FROM raw.requests
            WHERE toDate(received_at) >= first_day AND frame_index = 0
            GROUP BY landing_seq, topic_id, partition
        ) AS f
            ON r.landing_seq = f.landing_seq AND r.topic_id = f.topic_id
            AND r.partition = f.partition
        WHERE f.records != r.end_offset - r.start_offset
           OR f.total != intDiv((r.end_offset - r.start_offset)
                                * (r.start_offset + r.end_offset - 1), 2)
    )
SELECT
    any(app_id) AS app,
    toStartOfHour(min(received_at)) AS hour,
    topic,
    concat(topic_id, '/', toString(partition), '/', toString(offset)) AS id,
    count() - 1 AS too_many
FROM raw.requests
WHERE toDate(received_at) >= first_day
  AND frame_index = 0
  AND landing_seq IN (SELECT landing_seq FROM suspects)
GROUP BY topic, topic_id, partition, offset
HAVING count() > 1
ORDER BY id
