-- Days that something has touched since they were built. A day whose installs are due is not
-- named for its attribution: that is built after its installs. Events come last of their day, and
-- are due as well where a decision was published otherwise after they were built.
SELECT mart, day, touched
FROM
(
    SELECT
        mart,
        day,
        maxIf(watermark, state = 'touched') AS touched,
        maxIf(watermark, state = 'built') AS built
    FROM audit.touched_days
    GROUP BY mart, day
    HAVING touched > built
        OR maxIf(recorded_at, state = 'touched' AND reason IN ('decisions', 'ruleset'))
           > maxIf(recorded_at, state = 'built')
)
WHERE has({marts:Array(String)}, mart)
  AND NOT (
      mart = 'attribution'
      AND day IN
      (
          SELECT day
          FROM audit.touched_days
          WHERE mart = 'installs'
          GROUP BY day
          HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
      )
  )
ORDER BY day, mart = 'events', mart
