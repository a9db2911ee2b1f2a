-- Items of one app, hour and topic that became no row, or more than one.
WITH
    toDateTime({hour:DateTime}, 'UTC') AS since,
    least(since + INTERVAL 1 HOUR, fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC'))
        AS before,
    brought AS
    (
        SELECT topic_id, partition, offset, frame_index, item_index, 1 AS brought, '' AS kind
        FROM raw.requests
        ARRAY JOIN range(item_count) AS item_index
        WHERE app_id = {app_id:String} AND topic = {topic:String}
          AND received_at >= since AND received_at < before
          AND received_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
    ),
    became AS
    (
        SELECT topic_id, partition, offset, frame_index, item_index, received_at, 'event' AS kind
        FROM clean.events
        WHERE app_id = {app_id:String} AND {topic:String} = 'events.v1'
        UNION ALL
        SELECT topic_id, partition, offset, frame_index, item_index, received_at, 'touch'
        FROM clean.touches
        WHERE app_id = {app_id:String} AND {topic:String} = 'touches.v1'
        UNION ALL
        SELECT topic_id, partition, offset, frame_index, item_index, received_at, 'duplicate'
        FROM clean.duplicates
        WHERE app_id = {app_id:String}
          AND kind = if({topic:String} = 'touches.v1', 'touch', 'event')
        UNION ALL
        SELECT topic_id, partition, offset, frame_index, item_index, received_at, 'failed'
        FROM clean.failed
        WHERE app_id = {app_id:String} AND topic = {topic:String} AND level = 'item'
    )
SELECT
    if(sum(brought) > sum(rows), 'only_left', 'only_right') AS side,
    concat(topic_id, '/', toString(partition), '/', toString(offset), '/', toString(frame_index),
           '/', toString(item_index)) AS id,
    multiIf(
        sum(rows) = 0, 'the item became no row',
        sum(brought) = 0, concat('no request brought it: ', arrayStringConcat(groupArray(kind))),
        concat('the item became ', toString(sum(rows)), ' rows: ',
               arrayStringConcat(arraySort(arrayFilter(k -> k != '', groupArray(kind))), ', '))
    ) AS detail
FROM
(
    SELECT topic_id, partition, offset, frame_index, item_index, brought, 0 AS rows, kind
    FROM brought
    UNION ALL
    SELECT topic_id, partition, offset, frame_index, toUInt32(item_index), 0, 1, kind
    FROM became
    WHERE received_at >= since AND received_at < before
      AND received_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
)
GROUP BY topic_id, partition, offset, frame_index, item_index
HAVING sum(brought) != sum(rows)
ORDER BY topic_id, partition, offset, frame_index, item_index
LIMIT {limit:UInt32}
