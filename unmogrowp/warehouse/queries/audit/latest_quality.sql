-- The latest result of every check, summed per table.
SELECT
    table_name,
    countIf(was_passed) AS passed,
    countIf(NOT was_passed AND last_severity = 'error') AS failed,
    countIf(NOT was_passed AND last_severity != 'error') AS warnings,
    max(last_checked_at) AS checked_at,
    arraySort(groupUniqArrayIf(concat(check_name, ' (', partition_key, ')'), NOT was_passed))
        AS failing
FROM
(
    SELECT
        table_name,
        partition_key,
        check_name,
        argMax(is_passed, checked_at) AS was_passed,
        argMax(severity, checked_at) AS last_severity,
        max(checked_at) AS last_checked_at
    FROM audit.quality_results
    GROUP BY table_name, partition_key, suite, check_name, column_name
)
GROUP BY table_name
ORDER BY table_name
