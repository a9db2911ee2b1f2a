-- Rulesets, as JSON, under which the installs of {first_day} to {last_day} were decided.
SELECT DISTINCT body
FROM audit.config_snapshots
WHERE kind = 'ruleset'
  AND config_hash IN
  (
      SELECT DISTINCT config_hash
      FROM mart.attributed_installs
      WHERE ruleset_id = {ruleset_id:String}
        AND toDate(installed_at) BETWEEN {first_day:Date} AND {last_day:Date}
  )
ORDER BY body
