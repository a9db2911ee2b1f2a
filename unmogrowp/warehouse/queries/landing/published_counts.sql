-- Rows that a range has in a clean table, per UTC day of receipt.
SELECT toDate(received_at) AS day, count()
FROM {table:Identifier}
WHERE landing_seq = {landing_seq:UInt64} AND toDate(received_at) IN {days:Array(Date)}
GROUP BY day
ORDER BY day
