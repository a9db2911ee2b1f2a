-- Rows of mart.fraud_publisher_days of {day}, in the order of its columns: what each publisher of
-- each app did on the day. Installs of two days before, who could come back, are those that
-- {returned_under} credited. A publisher without an install has a row as soon as it has a touch.
WITH
    toDateTime64({day:Date}, 3, 'UTC') AS day_start,
    toDateTime64({day:Date} + 1, 3, 'UTC') AS day_end,
    credited AS
    (
        SELECT app_id, install_id, device_key, media_source, site_id, touch_type, installed_at,
               conversion_kind, ctit_ms
        FROM mart.attributed_installs
        WHERE ruleset_id IN ({ruleset_id:String}, {returned_under:String})
          AND (ruleset_id = {ruleset_id:String} AND toDate(installed_at) = {day:Date}
               OR ruleset_id = {returned_under:String} AND toDate(installed_at) = {day:Date} - 2)
          AND NOT is_organic
          AND conversion_kind != 're_engagement'
    ),
    -- The ids of an install that are the same in every app of the phone.
    (tag, id) -> if(id = '', '', concat(tag, id)) AS key_of,
    known_devices AS
    (
        SELECT DISTINCT app_id, install_id
        FROM
        (
            SELECT app_id, install_id, installed_at, id
            FROM mart.installs
            ARRAY JOIN arrayFilter(key -> key != '',
                [key_of('d', device_id), key_of('i', idfa), key_of('g', gaid)]) AS id
            WHERE toDate(installed_at) = {day:Date}
        ) AS present
        INNER JOIN
        (
            SELECT id, min(installed_at) AS first_installed_at
            FROM mart.installs
            ARRAY JOIN arrayFilter(key -> key != '',
                [key_of('d', device_id), key_of('i', idfa), key_of('g', gaid)]) AS id
            WHERE toDate(installed_at) <= {day:Date}
            GROUP BY id
        ) AS earliest ON earliest.id = present.id
        WHERE first_installed_at < present.installed_at
    ),
    cohort AS
    (
        SELECT app_id, device_key, install_id, media_source, site_id, installed_at
        FROM credited
        WHERE toDate(installed_at) = {day:Date} - 2
    ),
    -- An install belongs to a component; its events carry any of the component's device keys.
    cohort_keys AS
    (
        SELECT app_id, install_id, installed_at, device_key AS event_key
        FROM cohort
        UNION DISTINCT
        SELECT c.app_id, c.install_id, c.installed_at, k.device_key
        FROM cohort AS c
        INNER JOIN
        (
            SELECT app_id, component_key, device_key
            FROM clean.component_devices
            WHERE (app_id, component_key) IN (SELECT app_id, device_key FROM cohort)
        ) AS k ON k.app_id = c.app_id AND k.component_key = c.device_key
    ),
    returned AS
    (
        SELECT DISTINCT c.app_id AS app_id, c.install_id AS install_id
        FROM clean.events AS e
        INNER JOIN cohort_keys AS c ON c.app_id = e.app_id AND c.event_key = e.device_key
        WHERE e.received_at >= day_start - INTERVAL 1 DAY -- nothing is received before it happened
          AND e.occurred_at >= day_start - INTERVAL 1 DAY
          AND e.occurred_at < day_end
          AND (e.app_id, e.device_key) IN (SELECT app_id, event_key FROM cohort_keys)
          AND e.occurred_at >= c.installed_at + INTERVAL 24 HOUR
          AND e.occurred_at < c.installed_at + INTERVAL 48 HOUR
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    {day:Date} AS day,
    app_id,
    media_source,
    site_id,
    sum(installs) AS install_count,
    sum(with_ctit) AS ctit_count,
    sumMapIf(map(bin, toUInt64(1)), with_ctit = 1) AS ctit_bins,
    -- Decimals add up to the same in any order of rows; floats do not.
    toFloat64(sum(toDecimal128(log_ctit, 6))) AS log_ctit_sum,
    sum(clicks) AS click_count,
    sum(impressions) AS impression_count,
    sum(new_devices) AS new_device_count,
    sum(cohort_installs) AS cohort_count,
    sum(cohort_returned) AS returned_count
FROM
(
    SELECT
        app_id, media_source, site_id,
        1 AS installs,
        touch_type = 'click' AND ctit_ms >= 0 AS with_ctit,
        toUInt8(if(with_ctit = 1, least(127, floor(4 * log2(greatest(1, assumeNotNull(ctit_ms))))), 0)) AS bin,
        if(with_ctit = 1, log10(greatest(1, assumeNotNull(ctit_ms))), 0) AS log_ctit,
        0 AS clicks, 0 AS impressions,
        (app_id, install_id) NOT IN (SELECT app_id, install_id FROM known_devices) AS new_devices,
        0 AS cohort_installs, 0 AS cohort_returned
    FROM credited
    WHERE toDate(installed_at) = {day:Date}
    UNION ALL
    SELECT
        app_id, media_source, site_id, 0, 0, 0, 0, 0, 0, 0, 1,
        (app_id, install_id) IN (SELECT app_id, install_id FROM returned)
    FROM cohort
    UNION ALL
    SELECT
        app_id, media_source, site_id, 0, 0, 0, 0,
        countIf(touch_type = 'click'), countIf(touch_type = 'impression'), 0, 0, 0
    FROM clean.touches
    WHERE touch_at >= day_start AND touch_at < day_end
      AND received_at >= day_start -- nothing is received before it happened
    GROUP BY app_id, media_source, site_id
)
GROUP BY app_id, media_source, site_id
ORDER BY app_id, media_source, site_id
