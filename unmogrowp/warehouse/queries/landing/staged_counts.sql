-- Rows that a staging table holds, per UTC day of receipt.
SELECT toDate(received_at) AS day, count() FROM {table:Identifier} GROUP BY day ORDER BY day
