-- Events with revenue of one app, day, ruleset and currency that are on one side only, or differ.
SELECT
    if(sum(is_left) > sum(is_right), 'only_left', if(sum(is_left) < sum(is_right), 'only_right', 'counted'))
        AS side,
    message_id AS id,
    concat('clean.events ', toString(sum(left_sum)), ', mart.attributed_events ',
           toString(sum(right_sum)), ' (', {ruleset_id:String}, ')') AS detail
FROM
(
    SELECT message_id, 1 AS is_left, 0 AS is_right, assumeNotNull(revenue) AS left_sum,
           toDecimal128(0, 9) AS right_sum
    FROM clean.events
    WHERE app_id = {app_id:String} AND toDate(occurred_at) = {day:Date}
      AND received_at >= toDateTime64({day:Date}, 3, 'UTC')
      AND received_at < fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC')
      AND currency = {currency:String} AND revenue IS NOT NULL
    UNION ALL
    SELECT message_id, 0, 1, toDecimal128(0, 9), assumeNotNull(revenue)
    FROM mart.attributed_events
    WHERE app_id = {app_id:String} AND toDate(occurred_at) = {day:Date}
      AND if({ruleset_id:String} = {primary:String}, is_primary, ruleset_id = {ruleset_id:String})
      AND received_at < fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC')
      AND currency = {currency:String} AND revenue IS NOT NULL
)
GROUP BY message_id
HAVING sum(is_left) != sum(is_right) OR sum(left_sum) != sum(right_sum)
ORDER BY id
LIMIT {limit:UInt32}
