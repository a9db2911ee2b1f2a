-- One install and its decision under one ruleset.
SELECT
    i.*,
    d.conversion_kind AS conversion_kind,
    d.is_organic AS is_organic,
    d.organic_reason AS organic_reason,
    d.media_source AS media_source,
    d.candidate_count AS candidate_count,
    d.eligible_count AS eligible_count,
    d.decision_id AS decision_id,
    d.config_hash AS config_hash
FROM (SELECT * FROM mart.installs WHERE install_id = {install_id:String}) AS i
LEFT JOIN
(
    SELECT *
    FROM mart.attributed_installs
    WHERE install_id = {install_id:String} AND ruleset_id = {ruleset_id:String}
) AS d ON i.app_id = d.app_id AND i.install_id = d.install_id
