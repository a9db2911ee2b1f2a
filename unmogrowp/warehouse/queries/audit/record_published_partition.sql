INSERT INTO audit.published_partitions
    (table_name, partition_key, watermark, state, row_count, recorded_at)
SELECT {table:String}, {key:String}, {watermark:UInt64}, {state:String}, {row_count:UInt64},
       fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
