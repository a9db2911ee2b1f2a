-- What a staged range holds, in one look.
SELECT
    (SELECT count() FROM {events:Identifier}) AS events,
    (SELECT count() FROM {touches:Identifier}) AS touches,
    (SELECT countIf(level = 'item') FROM {failed:Identifier}) AS failed_items,
    (SELECT countIf(level = 'request') FROM {failed:Identifier}) AS failed_requests,
    (SELECT count() FROM {duplicates:Identifier}) AS duplicates,
    (SELECT countIf(dateDiff('millisecond', occurred_at, received_at) > {max_age_ms:Int64}) FROM {events:Identifier}) AS too_old,
    (SELECT sum(item_count) FROM {source:Identifier}
     WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
       AND offset >= {start:UInt64} AND offset < {end:UInt64}
       AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
       AND code = '' AND topic IN ('events.v1', 'touches.v1')) AS expected_items
