INSERT INTO audit.quality_results
    (checked_at, run_id, table_name, partition_key, suite, check_name, column_name, severity,
     is_passed, unexpected_count, observed, expected)
SELECT
    fromUnixTimestamp64Milli({checked_at_ms:Int64}, 'UTC') AS checked_at,
    {run_id:String} AS run_id,
    table_name, partition_key, suite, check_name, column_name, severity, passed != 0,
    unexpected_count, observed, expected
FROM
(
    SELECT 1
)
ARRAY JOIN
    {tables:Array(String)} AS table_name,
    {partitions:Array(String)} AS partition_key,
    {suites:Array(String)} AS suite,
    {sentences:Array(String)} AS check_name,
    {columns:Array(String)} AS column_name,
    {severities:Array(String)} AS severity,
    {passed:Array(UInt8)} AS passed,
    {unexpected:Array(UInt64)} AS unexpected_count,
    {observed:Array(String)} AS observed,
    {expected:Array(String)} AS expected
