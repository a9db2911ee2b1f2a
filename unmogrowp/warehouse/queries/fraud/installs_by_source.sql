-- Installs of {first_day} to {last_day} by the source they are credited to.
SELECT media_source, count() AS install_count
FROM mart.attributed_installs
WHERE ruleset_id = {ruleset_id:String}
  AND toDate(installed_at) BETWEEN {first_day:Date} AND {last_day:Date}
  AND conversion_kind != 're_engagement'
GROUP BY media_source
ORDER BY media_source
