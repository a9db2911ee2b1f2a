INSERT INTO audit.landing_ranges
    (landing_seq, state, topic, topic_id, partition, start_offset, end_offset, received_on,
     record_count, item_count, body_bytes, recorded_at, note)
SELECT
    {landing_seq:UInt64}, 'landed', {topic:String}, {topic_id:String}, {partition:UInt32},
    {start:UInt64}, {end:UInt64}, day, records, items, bytes,
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'), {note:String}
FROM (SELECT 1)
ARRAY JOIN
    {days:Array(Date)} AS day,
    {record_counts:Array(UInt64)} AS records,
    {item_counts:Array(UInt64)} AS items,
    {body_bytes:Array(UInt64)} AS bytes
ORDER BY day
