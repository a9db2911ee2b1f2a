-- What raw.requests holds of a range, per UTC day of receipt.
SELECT toDate(received_at) AS day, count(), sum(item_count), sum(length(body))
FROM raw.requests
WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
  AND offset >= {start:UInt64} AND offset < {end:UInt64}
GROUP BY day
ORDER BY day
