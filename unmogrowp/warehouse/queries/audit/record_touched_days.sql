INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
SELECT {mart:String}, day, {state:String}, {watermark:UInt64}, {reason:String},
       fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM (SELECT 1)
ARRAY JOIN {days:Array(Date)} AS day
