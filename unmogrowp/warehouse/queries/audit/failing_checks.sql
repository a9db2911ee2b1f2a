-- Checks of error severity whose latest result is a failure.
SELECT table_name, partition_key, check_name, last_observed
FROM
(
    SELECT
        table_name,
        partition_key,
        suite,
        check_name,
        column_name,
        argMax(is_passed, checked_at) AS was_passed,
        argMax(observed, checked_at)  AS last_observed,
        argMax(severity, checked_at)  AS last_severity
    FROM audit.quality_results
    GROUP BY table_name, partition_key, suite, check_name, column_name
)
WHERE NOT was_passed AND last_severity = 'error'
ORDER BY table_name, partition_key, check_name
