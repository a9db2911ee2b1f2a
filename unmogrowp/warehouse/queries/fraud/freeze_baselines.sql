-- Rows of audit.fraud_baselines for {day}, in the order of its columns, from {days} days before it;
-- {days_of} says whose decisions of each.
WITH
    {day:Date} - {days:UInt16} AS first_day,
    {day:Date} - 1 AS last_day,
    publishers AS
    (
        SELECT
            app_id, media_source, site_id,
            sum(install_count) AS installs,
            sum(ctit_count) AS ctits,
            sumMap(ctit_bins) AS bins,
            -- Kept as a sum of rounded terms: the order in which rows are read must not show.
            sum(toDecimal128(log_ctit_sum, 6)) AS logs,
            sum(click_count) AS clicks,
            sum(new_device_count) AS new_devices,
            sum(cohort_count) AS cohorts,
            sum(returned_count) AS returns
        FROM mart.fraud_publisher_days
        WHERE fraud_publisher_days.day BETWEEN first_day AND last_day
          AND has({days_of:Array(Tuple(String, Date))}, (toString(ruleset_id), fraud_publisher_days.day))
        GROUP BY app_id, media_source, site_id
    ),
    networks AS
    (
        SELECT
            app_id,
            arrayZip(
                {probabilities:Array(Float64)},
                arrayMap(
                    p -> toFloat64(counts[greatest(1, toUInt32(ceil(p * length(counts))))]),
                    {probabilities:Array(Float64)}
                )
            ) AS quantiles
        FROM
        (
            SELECT app_id, arraySort(groupArray(busiest)) AS counts
            FROM
            (
                -- One number per network: a farm that works every day would otherwise be among
                -- the first of a thousand often enough to set the limit it is measured by.
                SELECT app_id, ip_prefix, max(installs) AS busiest
                FROM
                (
                    SELECT app_id, ip_prefix, toDate(installed_at) AS day, count() AS installs
                    FROM mart.installs
                    WHERE toDate(installed_at) BETWEEN first_day AND last_day AND ip_prefix != ''
                    GROUP BY app_id, ip_prefix, day
                )
                GROUP BY app_id, ip_prefix
            )
            GROUP BY app_id
        )
    ),
    frozen AS
    (
        SELECT
            app_id, 'publisher' AS scope, media_source, site_id, installs, ctits, bins, logs,
            clicks, new_devices, cohorts, returns,
            CAST(map(), 'Map(Float64, Float64)') AS network_quantiles
        FROM publishers
        UNION ALL
        SELECT
            p.app_id, 'app', '', '', sum(installs), sum(ctits), sumMap(bins), sum(logs),
            sum(clicks), sum(new_devices), sum(cohorts), sum(returns),
            CAST(any(n.quantiles), 'Map(Float64, Float64)')
        FROM publishers AS p
        LEFT JOIN networks AS n ON n.app_id = p.app_id
        GROUP BY p.app_id
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    {day:Date} AS day,
    app_id,
    scope,
    media_source,
    site_id,
    first_day,
    last_day,
    installs AS install_count,
    ctits AS ctit_count,
    mapSort(bins) AS ctit_bins,
    toFloat64(logs) AS log_ctit_sum,
    clicks AS click_count,
    new_devices AS new_device_count,
    cohorts AS cohort_count,
    returns AS returned_count,
    network_quantiles,
    lower(hex(sum(cityHash64(tuple(
        scope, media_source, site_id, installs, ctits, mapSort(bins), logs, clicks, new_devices,
        cohorts, returns, mapSort(network_quantiles)
    ))) OVER (PARTITION BY app_id))) AS baseline_id,
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC') AS frozen_at
FROM frozen
ORDER BY app_id, scope, media_source, site_id
