-- One row of clean.failed per item that was cut out by hand and cannot be used.
INSERT INTO {target:Identifier}
    (app_id, code, path, detail, level, bytes, received_at, topic, topic_id, partition, offset,
     frame_index, item_index, landing_seq)
SELECT
    app_id, item.code,
    if(path = '/v1/batch', concat('batch[', toString(item_index), ']'), path),
    if(item.code = 'record.item_count', 'the request holds another number of items than its header says',
       'the warehouse cannot read this JSON'),
    'item', item.bytes, received_at, topic, topic_id, partition, offset, frame_index, item_index,
    landing_seq
FROM staging.split_items AS item
INNER JOIN
(
    SELECT app_id, path, received_at, topic, toString(topic_id) AS topic_id, partition, offset, frame_index, landing_seq
    FROM raw.requests
    WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
      AND offset >= {start:UInt64} AND offset < {end:UInt64}
      AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
      AND (offset, frame_index) IN (SELECT offset, frame_index FROM staging.split_items)
) AS request USING (topic_id, partition, offset, frame_index)
