-- Publishers that a rule flagged, one row per (publisher, rule), with the latest decision about
-- them. Decisions whose finding is not there any more stay in sight.
WITH
    found AS
    (
        SELECT
            app_id, media_source, site_id, rule,
            min(day) AS first_day,
            max(day) AS last_day,
            uniqExact(day) AS day_count,
            argMax((value, threshold, baseline_id, sentence), day) AS latest
        FROM mart.fraud_verdicts
        WHERE ruleset_id = {ruleset_id:String} AND scope = 'publisher' AND mode = 'flag'
        GROUP BY app_id, media_source, site_id, rule
    ),
    decided AS
    (
        SELECT
            app_id, media_source, site_id, rule,
            max(decision_number) AS decision_count,
            argMax((action, first_day, last_day, decided_at, decided_by, reason, value, threshold,
                    baseline_id), decision_number) AS decision
        FROM audit.fraud_reviews
        WHERE ruleset_id = {ruleset_id:String}
        GROUP BY app_id, media_source, site_id, rule
    )
SELECT
    lower(left(hex(SHA256(concat(
        {ruleset_id:String}, '\0', app_id, '\0', media_source, '\0', site_id, '\0', rule
    ))), 12)) AS review_id,
    app_id,
    media_source,
    site_id,
    rule,
    if(day_count = 0, decision.2, found.first_day) AS first_day,
    if(day_count = 0, decision.3, found.last_day) AS last_day,
    day_count,
    if(day_count = 0, decision.7, latest.1) AS value,
    if(day_count = 0, decision.8, latest.2) AS threshold,
    if(day_count = 0, decision.9, latest.3) AS baseline_id,
    latest.4 AS sentence,
    decision_count,
    -- What was found on later days than the decision was about is open again.
    multiIf(
        decision_count = 0 OR decision.1 = 'undo', 'open',
        day_count > 0 AND found.last_day > decision.3, 'open',
        decision.1 = 'confirm', 'confirmed', 'dismissed'
    ) AS state,
    if(decision_count = 0, '', decision.1) AS action,
    if(decision_count = 0, NULL, decision.2) AS decided_first_day,
    if(decision_count = 0, NULL, decision.3) AS decided_last_day,
    if(decision_count = 0, NULL, decision.4) AS decided_at,
    decision.5 AS decided_by,
    decision.6 AS reason
FROM found
FULL OUTER JOIN decided USING (app_id, media_source, site_id, rule)
ORDER BY state = 'open' DESC, last_day DESC, app_id, media_source, site_id, rule
