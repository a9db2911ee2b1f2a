-- Days of receipt that landing has touched since the expectations of a table last looked at them.
-- Marts are not named here: they are checked before each publish.
SELECT wanted.table_name AS table_name, landed.day AS day
FROM
(
    SELECT received_on AS day, max(recorded_at) AS touched_at
    FROM audit.landing_ranges
    WHERE state = 'landed' AND received_on > toDate('1970-01-01')
    GROUP BY day
) AS landed
CROSS JOIN (SELECT arrayJoin({tables:Array(String)}) AS table_name) AS wanted
LEFT JOIN
(
    SELECT table_name, partition_key, max(checked_at) AS checked_at
    FROM audit.quality_results
    WHERE suite = 'expectations'
    GROUP BY table_name, partition_key
) AS checked
    ON checked.table_name = wanted.table_name AND checked.partition_key = toString(landed.day)
WHERE checked.checked_at <= landed.touched_at
ORDER BY day, table_name
