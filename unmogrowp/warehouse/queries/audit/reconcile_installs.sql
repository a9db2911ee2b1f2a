-- Installs against their decisions, per app, day of installed_at and ruleset: days of the audited
-- span, and older days that were published since it began.
WITH
    toDate(fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC')) AS first_day,
    fromUnixTimestamp64Milli({received_before_ms:Int64}, 'UTC') AS received_before,
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
    ARRAY JOIN {ruleset_ids:Array(String)} AS ruleset_id
    WHERE toDate(installed_at) >= first_day OR toDate(installed_at) IN (SELECT day FROM days)
    UNION ALL
    SELECT app_id, toDate(installed_at) AS day, ruleset_id, 0, 1
    FROM mart.attributed_installs
    WHERE has({ruleset_ids:Array(String)}, ruleset_id)
      AND conversion_kind IN ('install', 'reinstall')
      AND (toDate(installed_at) >= first_day OR toDate(installed_at) IN (SELECT day FROM days))
)
WHERE toDateTime(day, 'UTC') < received_before
GROUP BY app_id, day, ruleset_id
ORDER BY app_id, day, ruleset_id
