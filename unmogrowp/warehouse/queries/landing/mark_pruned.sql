INSERT INTO audit.landing_ranges
    (landing_seq, state, topic, topic_id, partition, start_offset, end_offset, received_on,
     record_count, item_count, body_bytes, recorded_at, note)
SELECT
    max(landing_seq) + 1, 'pruned', '', '', 0, 0, 0, {day:Date},
    {record_count:UInt64}, {item_count:UInt64}, {body_bytes:UInt64},
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'),
    concat('raw rows removed after ', toString({retention_days:UInt32}), ' days')
FROM audit.landing_ranges
