-- Touches that re-engagements of {app_id} were decided for under {ruleset_id}; without a ruleset those
-- that count.
SELECT touch_id
FROM mart.attributed_installs
WHERE app_id = {app_id:String}
  AND if({ruleset_id:String} = '', is_primary, ruleset_id = {ruleset_id:String})
  AND conversion_kind = 're_engagement'
ORDER BY touch_id
