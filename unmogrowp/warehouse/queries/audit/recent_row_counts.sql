-- Rows of the days before a day, from the engine's own books: costs nothing, whatever the size.
SELECT
    toDate(extract(partition, '\\d{4}-\\d{2}-\\d{2}')) AS day,
    sum(rows) AS row_count
FROM system.parts
WHERE database = {database:String}
  AND table = {table:String}
  AND active
  AND match(partition, '\\d{4}-\\d{2}-\\d{2}')
GROUP BY day
HAVING day >= {from:Date} AND day < {before:Date}
ORDER BY day
