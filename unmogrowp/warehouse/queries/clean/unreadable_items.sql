-- Items that the engine cannot read even on their own. A readable one stands beside each, because
-- an array without any usable element counts as empty; isValidJSON is too lenient (1e400).
SELECT topic_id, partition, offset, frame_index, item_index
FROM staging.split_items
WHERE length(JSONExtract(concat('{"batch":[{"type":"track"},', bytes, ']}'), 'Tuple(batch Array(Tuple(type String)))').batch) != 2
ORDER BY topic_id, partition, offset, frame_index, item_index
