-- Days of the clean tables that were touched after they were last built.
SELECT day
FROM audit.touched_days
WHERE mart = 'clean'
GROUP BY day
HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
ORDER BY day
