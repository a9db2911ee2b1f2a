-- Requests of which not every item is staged: the engine could not split them as the collector did.
SELECT topic_id, partition, offset, frame_index, path, item_count,
       rejected.item_index AS rejected_indexes, rejected.code AS rejected_codes, hex(body) AS body_hex
FROM raw.requests AS request
LEFT JOIN
(
    SELECT offset, frame_index, count() AS staged_items
    FROM
    (
        SELECT offset, frame_index FROM {events:Identifier}
        UNION ALL
        SELECT offset, frame_index FROM {touches:Identifier}
        UNION ALL
        SELECT offset, frame_index FROM {failed:Identifier} WHERE level = 'item'
    )
    GROUP BY offset, frame_index
) AS staged USING (offset, frame_index)
WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
  AND offset >= {start:UInt64} AND offset < {end:UInt64}
  AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
  AND code = '' AND item_count != staged_items
ORDER BY offset, frame_index
