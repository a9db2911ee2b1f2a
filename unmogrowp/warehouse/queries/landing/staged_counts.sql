-- Rows that the staging tables hold, per clean table and UTC day of receipt.
SELECT 'clean.events' AS table_name, toDate(received_at) AS day, count()
FROM {events:Identifier} GROUP BY day
UNION ALL
SELECT 'clean.touches', toDate(received_at) AS day, count() FROM {touches:Identifier} GROUP BY day
UNION ALL
SELECT 'clean.failed', toDate(received_at) AS day, count() FROM {failed:Identifier} GROUP BY day
UNION ALL
SELECT 'clean.duplicates', toDate(received_at) AS day, count()
FROM {duplicates:Identifier} GROUP BY day
