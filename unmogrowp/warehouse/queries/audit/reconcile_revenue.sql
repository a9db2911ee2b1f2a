-- Revenue of clean.events against revenue of mart.attributed_events, per app, day of occurred_at,
-- currency and ruleset: days of the audited span, and older days that were published since it
-- began. {decided} says which rulesets decide which days; {primary} stands for the rows that count,
-- whichever ruleset made them. Only what was received within the audit's end: what lands meanwhile is not built yet.
WITH
    toDate(fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')) AS first_day,
    fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC') AS received_before,
    on -> arrayMap(
        one -> one.1,
        arrayFilter(
            one -> on BETWEEN one.2 AND one.3, {decided:Array(Tuple(String, Date, Date))}
        )
    ) AS rulesets_on,
    days AS
    (
        SELECT DISTINCT toDate(splitByChar('/', partition_key)[-1]) AS day
        FROM audit.published_partitions
        WHERE table_name = 'mart.attributed_events'
          AND recorded_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
    )
SELECT app_id, day, ruleset_id, currency, sum(left_sum) AS left_sum, sum(right_sum) AS right_sum
FROM
(
    SELECT app_id, toDate(occurred_at) AS day, ruleset_id, currency,
           assumeNotNull(revenue) AS left_sum, toDecimal128(0, 9) AS right_sum
    FROM clean.events
    ARRAY JOIN arrayPushBack(rulesets_on(toDate(occurred_at)), {primary:String}) AS ruleset_id
    WHERE revenue IS NOT NULL AND received_at < received_before
      AND (toDate(occurred_at) >= first_day OR toDate(occurred_at) IN (SELECT day FROM days))
      -- Nothing is received before it happened; the least of no days is 1970.
      AND toDate(received_at) >= (SELECT if(count() = 0, first_day, least(first_day, min(day))) FROM days)
    UNION ALL
    SELECT app_id, toDate(occurred_at) AS day, scope, currency, toDecimal128(0, 9),
           assumeNotNull(revenue)
    FROM mart.attributed_events
    ARRAY JOIN arrayConcat(
        if(has(rulesets_on(toDate(occurred_at)), ruleset_id), [toString(ruleset_id)], []),
        if(is_primary, [{primary:String}], [])
    ) AS scope
    WHERE (has({ruleset_ids:Array(String)}, ruleset_id) OR is_primary)
      AND revenue IS NOT NULL AND received_at < received_before
      AND (toDate(occurred_at) >= first_day OR toDate(occurred_at) IN (SELECT day FROM days))
)
GROUP BY app_id, day, ruleset_id, currency
ORDER BY app_id, day, ruleset_id, currency
