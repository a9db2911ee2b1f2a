-- Why a baseline of {day} cannot be frozen yet: days before it whose marts are due, or whose
-- publishers are not counted although they have installs; {days_of} says whose decisions of each.
SELECT day, reason
FROM
(
    SELECT day, 'is due' AS reason
    FROM audit.touched_days
    WHERE mart IN ('installs', 'attribution')
    GROUP BY mart, day
    HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
    UNION DISTINCT
    SELECT DISTINCT toDate(installed_at) AS day, 'is not counted' AS reason
    FROM mart.attributed_installs
    WHERE toDate(installed_at) BETWEEN {day:Date} - {days:UInt16} AND {day:Date} - 1
      AND has({days_of:Array(Tuple(String, Date))}, (toString(ruleset_id), toDate(installed_at)))
      AND NOT is_organic
      AND conversion_kind != 're_engagement'
      AND (ruleset_id, toDate(installed_at)) NOT IN
      (
          SELECT ruleset_id, day FROM mart.fraud_publisher_days
      )
)
WHERE day BETWEEN {day:Date} - {days:UInt16} AND {day:Date} - 1
ORDER BY day, reason
