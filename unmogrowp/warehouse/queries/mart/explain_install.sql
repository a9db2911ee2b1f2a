-- One install and its decision under {ruleset_id}; without one, the decision that counts.
SELECT
    i.*,
    i.install_id AS conversion_id,
    d.ruleset_id AS ruleset_id,
    d.conversion_kind AS conversion_kind,
    d.is_organic AS is_organic,
    d.organic_reason AS organic_reason,
    d.media_source AS media_source,
    d.candidate_count AS candidate_count,
    d.eligible_count AS eligible_count,
    d.decision_id AS decision_id,
    d.config_hash AS config_hash
FROM (SELECT * FROM mart.installs WHERE install_id = {conversion_id:String}) AS i
LEFT JOIN
(
    SELECT *
    FROM mart.attributed_installs
    WHERE conversion_id = {conversion_id:String} AND conversion_id = install_id
      AND if({ruleset_id:String} = '', is_primary, ruleset_id = {ruleset_id:String})
) AS d ON i.app_id = d.app_id AND i.install_id = d.install_id
