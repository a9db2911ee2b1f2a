-- What fraud rules said after the decision: about installs, and about publishers per day. Without
-- a ruleset, under those that counted on the day.
SELECT
    concat(rule, ' (', mode, ')') AS rule_in_mode,
    toString(scope) AS scope,
    install_id,
    toString(media_source) AS media_source,
    toString(site_id) AS site_id
FROM mart.fraud_verdicts
WHERE app_id = {app_id:String}
  AND if(
      {ruleset_id:String} = '',
      (ruleset_id, day) IN
      (
          SELECT ruleset_id, toDate(installed_at)
          FROM mart.attributed_installs
          WHERE app_id = {app_id:String} AND is_primary
      ),
      ruleset_id = {ruleset_id:String}
  )
GROUP BY rule_in_mode, scope, install_id, media_source, site_id
ORDER BY rule_in_mode, scope, install_id, media_source, site_id
