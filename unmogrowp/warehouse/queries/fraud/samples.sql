-- What each publisher did in the days that end with {day}; {days_of} says whose decisions of each.
SELECT
    app_id,
    media_source,
    site_id,
    sum(install_count) AS install_count,
    sum(ctit_count) AS ctit_count,
    mapSort(sumMap(ctit_bins)) AS ctit_bins,
    toFloat64(sum(toDecimal128(log_ctit_sum, 6))) AS log_ctit_sum,
    sum(click_count) AS click_count,
    sumIf(impression_count, fraud_publisher_days.day = {day:Date}) AS impression_count,
    sum(new_device_count) AS new_device_count,
    sum(cohort_count) AS cohort_count,
    sum(returned_count) AS returned_count
FROM mart.fraud_publisher_days
WHERE has({days_of:Array(Tuple(String, Date))}, (toString(ruleset_id), fraud_publisher_days.day))
GROUP BY app_id, media_source, site_id
ORDER BY app_id, media_source, site_id
