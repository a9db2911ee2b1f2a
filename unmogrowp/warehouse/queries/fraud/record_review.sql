INSERT INTO audit.fraud_reviews
    (review_id, decision_number, action, ruleset_id, app_id, media_source, site_id, rule, first_day,
     last_day, value, threshold, baseline_id, decided_at, decided_by, reason)
SELECT
    {review_id:String}, {decision_number:UInt32}, {action:String}, {ruleset_id:String},
    {app_id:String}, {media_source:String}, {site_id:String}, {rule:String}, {first_day:Date},
    {last_day:Date}, {value:Float64}, {threshold:Float64}, {baseline_id:String},
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'), {decided_by:String}, {reason:String}
