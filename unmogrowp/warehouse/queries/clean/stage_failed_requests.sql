-- One row per request that could not be read at all: dead letters, and records that are no request.
INSERT INTO {target:Identifier}
    (app_id, code, path, detail, level, bytes, received_at, topic, topic_id, partition, offset,
     frame_index, item_index, landing_seq)
SELECT
    app_id, code, path, detail, 'request' AS level, body AS bytes, received_at, topic, topic_id,
    partition, offset, frame_index, 0 AS item_index, landing_seq
FROM {source:Identifier}
WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
  AND offset >= {start:UInt64} AND offset < {end:UInt64}
  AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
  AND code != ''
