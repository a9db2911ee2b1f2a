-- Runs of offsets that landed ranges promise and raw.requests does not hold. Such an offset has
-- no instant of its own: it counts in the hour of the nearest record before it in its range, else
-- of the first one after it, else of the day its range was counted for.
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
    topic,
    topic_id,
    partition,
    toUInt64(points[n - 1].1 + 1) AS first_offset,
    toUInt64(points[n].1) AS end_offset,
    multiIf(
        points[n - 1].2 > 0, points[n - 1].2, points[n].2 > 0, points[n].2, fallback_ms
    ) AS near_ms
FROM
(
    SELECT
        r.topic AS topic,
        r.topic_id AS topic_id,
        r.partition AS partition,
        any(r.fallback_ms) AS fallback_ms,
        arrayConcat(
            [(toInt64(r.start_offset) - 1, toInt64(0))],
            arraySort(groupUniqArrayIf(
                (toInt64(f.offset), toUnixTimestamp64Milli(f.received_at)),
                f.landing_seq != 0 AND f.offset >= r.start_offset AND f.offset < r.end_offset
            )),
            [(toInt64(r.end_offset), toInt64(0))]
        ) AS points
    FROM (SELECT * FROM ranges WHERE landing_seq IN (SELECT landing_seq FROM suspects)) AS r
    LEFT JOIN
    (
        SELECT landing_seq, topic_id, partition, offset, received_at
        FROM raw.requests
        WHERE toDate(received_at) >= first_day
          AND landing_seq IN (SELECT landing_seq FROM suspects)
    ) AS f
        ON r.landing_seq = f.landing_seq AND r.topic_id = f.topic_id AND r.partition = f.partition
    GROUP BY topic, topic_id, partition, r.landing_seq, r.start_offset, r.end_offset
)
ARRAY JOIN arraySlice(arrayEnumerate(points), 2) AS n
WHERE points[n].1 - points[n - 1].1 > 1
ORDER BY topic, topic_id, partition, first_offset
