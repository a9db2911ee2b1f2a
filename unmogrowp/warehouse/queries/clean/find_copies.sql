-- Which staged rows are copies, and of which row: one row of clean.duplicates each.
-- Rows of one key in the order of (received_at, coordinates); a row stays unless one that stays was
-- received in the horizon before it, both edges in. Rows of {history} stayed before and stay. A
-- staged row that is earlier than a landed one of its key counts as its copy for now: only a
-- rebuild of both days can put it in the other's place (landing queues them).
INSERT INTO {target:Identifier}
    (app_id, kind, message_id, received_at, topic_id, partition, offset, frame_index, item_index,
     kept_received_at, kept_topic_id, kept_partition, kept_offset, kept_frame_index, kept_item_index,
     landing_seq)
WITH
    landed AS
    (
        SELECT app_id, {id:Identifier} AS id, received_at, topic_id, partition, offset, frame_index,
               item_index, toUInt64(0) AS seq, true AS is_landed
        FROM {history:Identifier}
        PREWHERE key_hash IN (SELECT key_hash FROM {items:Identifier})
        WHERE toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
          AND landing_seq != {landing_seq:UInt64}
    ),
    staged AS
    (
        SELECT app_id, {id:Identifier} AS id, received_at, topic_id, partition, offset, frame_index,
               item_index, landing_seq AS seq, false AS is_landed
        FROM {items:Identifier}
        WHERE key_hash IN (
            SELECT key_hash FROM {items:Identifier} GROUP BY key_hash HAVING count() > 1
            UNION ALL
            SELECT cityHash64(app_id, id) FROM landed)
    ),
    keyed AS
    (
        SELECT
            app_id, id,
            arraySort(groupArray((
                toUnixTimestamp64Milli(received_at), toString(topic_id), partition, offset,
                frame_index, item_index, is_landed, seq))) AS members,
            -- Staged rows that only a landed one after them makes a copy.
            arrayFilter(row -> NOT row.7
                AND NOT arrayExists(other -> other.7 AND other < row AND row.1 - other.1 <= {horizon_ms:Int64}, members)
                AND arrayExists(other -> other.7 AND other > row AND other.1 - row.1 <= {horizon_ms:Int64}, members),
                members) AS early,
            arrayFold((stay, row) -> if(
                    NOT has(early, row)
                    AND (row.7 OR empty(stay) OR row.1 - stay[-1].1 > {horizon_ms:Int64}),
                    arrayPushBack(stay, row), stay),
                members, CAST([], 'Array(Tuple(Int64, String, UInt32, UInt64, UInt16, UInt32, Bool, UInt64))')) AS kept
        FROM (SELECT * FROM staged UNION ALL SELECT * FROM landed)
        GROUP BY app_id, id
        HAVING length(members) > 1
    )
SELECT
    app_id, {kind:String}, id,
    fromUnixTimestamp64Milli(copy.1, 'UTC'), copy.2, copy.3, copy.4, copy.5, copy.6,
    fromUnixTimestamp64Milli(stays.1, 'UTC'), stays.2, stays.3, stays.4, stays.5, stays.6,
    copy.8
FROM
(
    SELECT
        app_id, id, copy,
        if(has(early, copy),
           arrayFirst(row -> row.7 AND row > copy, members),
           arrayLast(row -> row < copy, kept)) AS stays
    FROM keyed
    ARRAY JOIN arrayFilter(row -> NOT row.7 AND NOT has(kept, row), members) AS copy
)
ORDER BY ALL
