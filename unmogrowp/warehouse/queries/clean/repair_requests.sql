-- The requests again, with bodies that the engine can split; bad items count as refused.
INSERT INTO {target:Identifier}
SELECT
    request.* REPLACE (
        repaired.body AS body,
        arrayConcat(
            arrayFilter(refusal -> NOT has(repaired.bad_indexes, refusal.item_index), rejected),
            arrayMap(
                index -> CAST((index, 'parse.engine'), 'Tuple(item_index UInt32, code LowCardinality(String))'),
                repaired.bad_indexes)) AS rejected)
FROM raw.requests AS request
INNER JOIN staging.repaired_bodies AS repaired
    ON request.topic_id = repaired.topic_id AND request.partition = repaired.partition
   AND request.offset = repaired.offset AND request.frame_index = repaired.frame_index
WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
  AND offset >= {start:UInt64} AND offset < {end:UInt64}
  AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
