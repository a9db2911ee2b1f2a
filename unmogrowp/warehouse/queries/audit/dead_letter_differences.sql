-- Dead letters of one app and hour that are in one of both tables only, or more often in one.
WITH
    toDateTime({hour:DateTime}, 'UTC') AS since,
    least(since + INTERVAL 1 HOUR, fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC'))
        AS before
SELECT
    if(sum(brought) > sum(rows), 'only_left', 'only_right') AS side,
    concat(topic_id, '/', toString(partition), '/', toString(offset), '/', toString(frame_index))
        AS id,
    concat('raw.requests ', toString(sum(brought)), ', clean.failed ', toString(sum(rows)),
           ', code ', any(code)) AS detail
FROM
(
    SELECT topic_id, partition, offset, frame_index, 1 AS brought, 0 AS rows, received_at, code
    FROM raw.requests
    WHERE app_id = {app_id:String} AND topic = 'requests.dead_letter.v1'
    UNION ALL
    SELECT topic_id, partition, offset, frame_index, 0, 1, received_at, code
    FROM clean.failed
    WHERE app_id = {app_id:String} AND level = 'request'
)
WHERE received_at >= since AND received_at < before
  AND received_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
GROUP BY topic_id, partition, offset, frame_index
HAVING sum(brought) != sum(rows)
ORDER BY id
LIMIT {limit:UInt32}
