-- Items that the engine cannot read even on their own.
SELECT topic_id, partition, offset, frame_index, item_index
FROM staging.split_items
WHERE NOT isValidJSON(bytes)
ORDER BY topic_id, partition, offset, frame_index, item_index
