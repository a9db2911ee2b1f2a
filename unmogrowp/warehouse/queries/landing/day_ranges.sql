-- The ranges that hold rows of a day, with what they hold of it.
SELECT toString(topic), toString(topic_id), partition, start_offset, end_offset, record_count, item_count, body_bytes
FROM audit.landing_ranges
WHERE state = 'landed' AND received_on = {day:Date}
ORDER BY topic, topic_id, partition, start_offset
