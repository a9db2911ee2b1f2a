-- The last word of each SQL assertion on micro-batches, per table.
SELECT
    table_name,
    check_name,
    argMax(is_passed, checked_at)        AS was_passed,
    argMax(unexpected_count, checked_at) AS last_unexpected,
    argMax(partition_key, checked_at)    AS last_partition
FROM audit.quality_results
WHERE suite = 'contract'
  AND startsWith(partition_key, 'landing')
  AND ({run_id:String} = '' OR run_id = {run_id:String})
GROUP BY table_name, check_name
ORDER BY table_name, check_name
