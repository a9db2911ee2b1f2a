-- The floor of history: the first report of every decision.
INSERT INTO floor.versions
SELECT ruleset_id, app_id, conversion_id, toDate(installed_at), now64(3, 'UTC'), true,
       conversion_kind, media_source, campaign, organic_reason, touch_id, decision_id, config_hash,
       is_primary
FROM floor.decisions
