-- Offsets the stream lost before they were landed and somebody acknowledged: lasting, named.
SELECT topic, topic_id, partition, start_offset, end_offset,
       toUnixTimestamp64Milli(max(recorded_at)) AS accepted_ms, any(note) AS note
FROM audit.landing_ranges
WHERE state = 'gap_accepted'
GROUP BY topic, topic_id, partition, start_offset, end_offset
HAVING max(recorded_at) < fromUnixTimestamp64Milli({recorded_before_ms:Int64}, 'UTC')
ORDER BY topic, topic_id, partition, start_offset
