-- Touches considered for one conversion under one ruleset, the winner first, the refused ones last.
SELECT
    touch_id, touch_type, media_source, campaign, site_id, touch_at, is_time_assumed, age_ms,
    match_type, matched_on, window_ms, tier, rank, verdict, reason, is_retargeting,
    arrayMap(one -> (one.rule, one.mode, one.value, one.threshold), fraud_verdicts) AS fraud_verdicts
FROM mart.attribution_candidates
WHERE ruleset_id = {ruleset_id:String}
  AND app_id = {app_id:String}
  AND toDate(installed_at) = {day:Date}
  -- Rows from before the column have no conversion_id.
  AND (conversion_id = {conversion_id:String}
       OR conversion_id = '' AND install_id = {conversion_id:String})
ORDER BY rank = 0, rank, tier, touch_at DESC, touch_id
