-- Days of installs, under any ruleset, for which a touch of the publisher was considered, and days
-- of openings: one that a block left without a winner keeps no candidates.
SELECT DISTINCT day
FROM
(
    SELECT toDate(installed_at) AS day
    FROM mart.attribution_candidates
    WHERE app_id = {app_id:String}
      AND media_source = {media_source:String}
      AND site_id = {site_id:String}
      AND toDate(installed_at) BETWEEN {first_day:Date} AND {last_day:Date}
    UNION ALL
    SELECT toDate(opened_at) AS day
    FROM mart.openings
    WHERE app_id = {app_id:String}
      AND toDate(opened_at) BETWEEN {first_day:Date} AND {last_day:Date}
)
ORDER BY day
