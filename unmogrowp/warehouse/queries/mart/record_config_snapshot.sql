INSERT INTO audit.config_snapshots (config_hash, kind, config_id, body, recorded_at)
SELECT {config_hash:String}, {kind:String}, {config_id:String}, {body:String},
       fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
WHERE NOT EXISTS
(
    SELECT 1
    FROM audit.config_snapshots
    WHERE config_hash = {config_hash:String} AND kind = {kind:String}
      AND config_id = {config_id:String}
)
