INSERT INTO audit.published_partitions
    (table_name, partition_key, watermark, state, row_count, recorded_at)
SELECT {table:String}, key, {watermark:UInt64}, {state:String}, row_count,
       fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM (SELECT 1)
ARRAY JOIN {keys:Array(String)} AS key, {row_counts:Array(UInt64)} AS row_count
