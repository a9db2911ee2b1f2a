-- Installs of one app, day and ruleset without a decision, decisions without their install, and
-- installs that were decided more than once.
SELECT
    if(sum(is_install) > sum(is_decision), 'only_left', 'only_right') AS side,
    install_id AS id,
    concat('mart.installs ', toString(sum(is_install)), ', mart.attributed_installs ',
           toString(sum(is_decision)), ' (', {ruleset_id:String}, ')') AS detail
FROM
(
    SELECT install_id, 1 AS is_install, 0 AS is_decision
    FROM mart.installs
    WHERE app_id = {app_id:String} AND toDate(installed_at) = {day:Date}
    UNION ALL
    SELECT install_id, 0, 1
    FROM mart.attributed_installs
    WHERE app_id = {app_id:String} AND toDate(installed_at) = {day:Date}
      AND if({ruleset_id:String} = {primary:String}, is_primary, ruleset_id = {ruleset_id:String}) AND conversion_id = install_id
)
GROUP BY install_id
HAVING sum(is_install) != sum(is_decision)
ORDER BY id
LIMIT {limit:UInt32}
