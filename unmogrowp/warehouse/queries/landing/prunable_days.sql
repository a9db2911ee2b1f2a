-- Days of raw.requests that are older than retention allows, with what they hold.
SELECT toDate(received_at) AS day, count(), sum(item_count), sum(length(body))
FROM raw.requests
WHERE toDate(received_at) < {first_kept:Date}
GROUP BY day
ORDER BY day
