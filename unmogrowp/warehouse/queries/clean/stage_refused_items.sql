-- One row per item that the collector refused: the item is in the body, its reason in a header.
-- Bodies are read only where something was refused.
INSERT INTO {target:Identifier}
    (app_id, code, path, detail, level, bytes, received_at, topic, topic_id, partition, offset,
     frame_index, item_index, landing_seq)
SELECT
    app_id,
    refusal.code AS refusal_code,
    if(path = '/v1/batch', concat('batch[', toString(refusal.item_index), ']'), path) AS fault_path,
    '' AS detail,
    'item' AS level,
    item_texts[refusal.item_index + 1] AS bytes,
    received_at, topic, topic_id, partition, offset, frame_index, refusal.item_index AS item_index,
    landing_seq
FROM
(
    SELECT
        app_id, path, received_at, topic, topic_id, partition, offset, frame_index, landing_seq,
        rejected, item_count,
        JSONExtract(if(JSONType(body, 'batch') = 'Array', body, concat('{"batch":[', body, ']}')),
            'Tuple(batch Array(String))').batch AS item_texts
    FROM {source:Identifier}
    WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
      AND offset >= {start:UInt64} AND offset < {end:UInt64}
      AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
      AND code = '' AND notEmpty(rejected.item_index)
)
ARRAY JOIN rejected AS refusal
WHERE length(item_texts) = item_count AND refusal.code != 'parse.engine'
