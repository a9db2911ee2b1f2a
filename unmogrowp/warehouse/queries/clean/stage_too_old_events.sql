-- Events whose corrected time lies further back than the limit: refused, with the bytes of the item.
INSERT INTO {target:Identifier}
    (app_id, code, path, detail, level, bytes, received_at, topic, topic_id, partition, offset,
     frame_index, item_index, landing_seq)
SELECT
    app_id, 'time.too_old', 'timestamp',
    concat('occurred ', toString(dateDiff('day', occurred_at, received_at)), ' days before receipt'),
    'item', item_text, received_at, topic, topic_id, partition, offset, frame_index, item_index, landing_seq
FROM
(
    SELECT app_id, received_at, occurred_at, topic_id, partition, offset, frame_index, item_index, landing_seq
    FROM {events:Identifier}
    WHERE dateDiff('millisecond', occurred_at, received_at) > {max_age_ms:Int64}
) AS event
INNER JOIN
(
    SELECT
        topic, topic_id, partition, offset, frame_index,
        JSONExtract(if(path = '/v1/batch', body, concat('{"batch":[', body, ']}')),
            'Tuple(batch Array(String))').batch AS item_texts
    FROM {source:Identifier}
    WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
      AND offset >= {start:UInt64} AND offset < {end:UInt64}
      AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
      AND (offset, frame_index) IN (
          SELECT offset, frame_index FROM {events:Identifier}
          WHERE dateDiff('millisecond', occurred_at, received_at) > {max_age_ms:Int64})
) AS request USING (topic_id, partition, offset, frame_index)
ARRAY JOIN [item_texts[item_index + 1]] AS item_text
WHERE length(item_texts) > item_index
