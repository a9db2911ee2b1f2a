-- Installs against their decisions, per app, day of installed_at and ruleset: days of the audited
-- span, and older days that were published since it began. {decided} says which rulesets decide
-- which days; {primary} stands for the decisions that count, whichever ruleset made them.
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
        WHERE table_name IN ('mart.installs', 'mart.attributed_installs')
          AND (recorded_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')
               OR toDate(splitByChar('/', partition_key)[-1]) >= first_day)
    )
SELECT app_id, day, ruleset_id, sum(left_count) AS left_count, sum(right_count) AS right_count
FROM
(
    SELECT app_id, toDate(installed_at) AS day, ruleset_id, 1 AS left_count, 0 AS right_count
    FROM mart.installs
    ARRAY JOIN arrayPushBack(rulesets_on(toDate(installed_at)), {primary:String}) AS ruleset_id
    WHERE toDate(installed_at) >= first_day OR toDate(installed_at) IN (SELECT day FROM days)
    UNION ALL
    SELECT app_id, toDate(installed_at) AS day, scope, 0, 1
    FROM mart.attributed_installs
    ARRAY JOIN arrayConcat(
        if(has(rulesets_on(toDate(installed_at)), ruleset_id), [toString(ruleset_id)], []),
        if(is_primary, [{primary:String}], [])
    ) AS scope
    WHERE (has({ruleset_ids:Array(String)}, ruleset_id) OR is_primary)
      AND conversion_id = install_id
      AND (toDate(installed_at) >= first_day OR toDate(installed_at) IN (SELECT day FROM days))
)
WHERE toDateTime(day, 'UTC') < received_before
GROUP BY app_id, day, ruleset_id
ORDER BY app_id, day, ruleset_id
