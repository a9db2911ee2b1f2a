-- The baseline of {day}, as it was frozen.
SELECT
    app_id,
    scope,
    media_source,
    site_id,
    install_count,
    ctit_count,
    ctit_bins,
    log_ctit_sum,
    click_count,
    new_device_count,
    cohort_count,
    returned_count,
    network_quantiles,
    baseline_id
FROM audit.fraud_baselines
WHERE ruleset_id = {ruleset_id:String} AND day = {day:Date}
ORDER BY app_id, scope, media_source, site_id
