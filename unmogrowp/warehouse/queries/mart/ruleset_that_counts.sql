-- The ruleset that counts for most installs of the newest decided day up to {last_day}.
SELECT ruleset_id
FROM mart.attributed_installs
WHERE is_primary AND conversion_id = install_id AND toDate(installed_at) <= {last_day:Date}
GROUP BY toDate(installed_at) AS day, ruleset_id
ORDER BY day DESC, count() DESC, ruleset_id
LIMIT 1
