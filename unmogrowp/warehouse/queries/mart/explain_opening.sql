-- One opening that a touch won under {ruleset_id}, or under what counts, with its decision.
-- `installed_at` is the instant of the conversion, as in mart.attributed_installs.
SELECT
    o.* EXCEPT (installed_at, opened_at),
    o.opened_at AS installed_at,
    o.installed_at AS last_installed_at,
    '' AS referrer_media_source,
    NULL AS install_begin_at,
    d.ruleset_id AS ruleset_id,
    d.conversion_kind AS conversion_kind,
    d.is_organic AS is_organic,
    d.organic_reason AS organic_reason,
    d.media_source AS media_source,
    d.candidate_count AS candidate_count,
    d.eligible_count AS eligible_count,
    d.decision_id AS decision_id,
    d.config_hash AS config_hash
FROM (SELECT * FROM mart.openings WHERE conversion_id = {conversion_id:String}) AS o
INNER JOIN
(
    SELECT *
    FROM mart.attributed_installs
    WHERE conversion_id = {conversion_id:String}
      AND if({ruleset_id:String} = '', is_primary, ruleset_id = {ruleset_id:String})
) AS d ON o.app_id = d.app_id AND o.conversion_id = d.conversion_id
