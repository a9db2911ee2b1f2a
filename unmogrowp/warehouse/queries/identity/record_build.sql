INSERT INTO audit.identity_builds
    (build_id, state, is_full, after_seq, through_seq, component_limit, link_count, node_count,
     row_count, moved_count, cut_count, touched_days, recorded_at)
SELECT
    {build_id:UInt64}, {state:String}, {is_full:Bool}, {after:UInt64}, {through:UInt64},
    {limit:UInt32}, {link_count:UInt64}, {node_count:UInt64}, {row_count:UInt64},
    {moved_count:UInt64}, {cut_count:UInt64}, {touched_days:UInt64},
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
