-- Days whose credit something has touched since it was built: what landed, or installs that were
-- published. A day whose installs are due themselves is left out: its credit is built after them.
SELECT day, max(touched) AS highest
FROM
(
    SELECT
        day,
        maxIf(watermark, state = 'touched') AS touched,
        maxIf(watermark, state = 'built') AS built
    FROM audit.touched_days
    WHERE mart = 'credit'
    GROUP BY day
    UNION ALL
    -- Keys of other tables are no days, and are read before they are filtered out.
    SELECT assumeNotNull(toDateOrNull(partition_key)) AS day, max(watermark), 0
    FROM audit.published_partitions
    WHERE table_name = 'mart.installs' AND state = 'published'
    GROUP BY day
)
WHERE day NOT IN
(
    SELECT day
    FROM audit.touched_days
    WHERE mart = 'installs'
    GROUP BY day
    HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
)
GROUP BY day
HAVING highest > max(built)
ORDER BY day
