-- The fence: no row is written unless the partition stands exactly at the start and nothing is open.
INSERT INTO audit.landing_ranges
    (landing_seq, state, topic, topic_id, partition, start_offset, end_offset, received_on,
     record_count, item_count, body_bytes, recorded_at, note)
WITH (SELECT max(landing_seq) FROM audit.landing_ranges WHERE state = 'planned') AS newest_planned
SELECT
    newest + 1, 'planned', {topic:String}, {topic_id:String}, {partition:UInt32},
    {start:UInt64}, {end:UInt64}, toDate('1970-01-01'),
    {record_count:UInt64}, {item_count:UInt64}, {body_bytes:UInt64},
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'), ''
FROM
(
    SELECT
        max(landing_seq) AS newest,
        maxIf(end_offset, state != 'planned' AND topic = {topic:String}
              AND topic_id = {topic_id:String} AND partition = {partition:UInt32}) AS landed_end,
        newest_planned > 0
            AND countIf(landing_seq = newest_planned AND state IN ('landed', 'gap_accepted')) = 0 AS is_open
    FROM audit.landing_ranges
)
WHERE landed_end = {start:UInt64} AND NOT is_open
