-- Touches considered for one install under one ruleset, the winner first, the refused ones last.
SELECT
    touch_id, touch_type, media_source, campaign, site_id, touch_at, is_time_assumed, age_ms,
    match_type, matched_on, window_ms, tier, rank, verdict, reason
FROM mart.attribution_candidates
WHERE ruleset_id = {ruleset_id:String}
  AND app_id = {app_id:String}
  AND toDate(installed_at) = {day:Date}
  AND install_id = {install_id:String}
ORDER BY rank = 0, rank, tier, touch_at DESC, touch_id
