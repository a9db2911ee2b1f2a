INSERT INTO audit.quality_results
    (checked_at, run_id, table_name, partition_key, suite, check_name, column_name, severity,
     is_passed, unexpected_count, observed, expected)
SELECT
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'), {run_id:String}, table_name,
    {partition_key:String}, 'contract', check_name, '', 'error', unexpected = 0, unexpected,
    toString(unexpected), '0'
FROM (SELECT 1)
ARRAY JOIN
    {table_names:Array(String)} AS table_name,
    {check_names:Array(String)} AS check_name,
    {unexpected_counts:Array(UInt64)} AS unexpected
