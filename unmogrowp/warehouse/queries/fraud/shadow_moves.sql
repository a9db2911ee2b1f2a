-- What would move if {rule} blocked: installs of {first_day} to {last_day} whose winner it found,
-- from the winner's source to that of the next eligible candidate it did not find, or to organic.
-- A finding about a publisher is about the {sample_days} days that end with it.
WITH
    publishers AS
    (
        SELECT DISTINCT
            app_id, media_source, site_id,
            arrayJoin(arrayMap(back -> day - back, range({sample_days:UInt16}))) AS day
        FROM mart.fraud_verdicts
        WHERE ruleset_id = {ruleset_id:String}
          AND scope = 'publisher'
          AND rule = {rule:String}
          AND day BETWEEN {first_day:Date} AND {last_day:Date} + {sample_days:UInt16}
    ),
    installs AS
    (
        SELECT DISTINCT app_id, install_id
        FROM mart.fraud_verdicts
        WHERE ruleset_id = {ruleset_id:String}
          AND scope = 'install'
          AND rule = {rule:String}
          AND day BETWEEN {first_day:Date} AND {last_day:Date}
    ),
    eligible AS
    (
        SELECT
            app_id, install_id, touch_id, media_source, rank,
            arrayExists(one -> one.rule = {rule:String}, fraud_verdicts)
                OR (app_id, media_source, site_id, toDate(installed_at))
                    IN (SELECT app_id, media_source, site_id, day FROM publishers)
                OR (app_id, install_id) IN (SELECT app_id, install_id FROM installs) AS is_found
        FROM mart.attribution_candidates
        WHERE ruleset_id = {ruleset_id:String}
          AND toDate(installed_at) BETWEEN {first_day:Date} AND {last_day:Date}
          AND rank > 0
          AND (conversion_id = install_id OR conversion_id = '') -- '' in rows from before the column
    ),
    moved AS
    (
        SELECT
            app_id,
            anyIf(touch_id, rank = 1) AS from_touch_id,
            anyIf(media_source, rank = 1) AS from_source,
            countIf(NOT is_found) > 0 AS has_next,
            if(has_next, argMinIf(media_source, rank, NOT is_found), 'organic') AS to_source
        FROM eligible
        GROUP BY app_id, install_id
        HAVING maxIf(is_found, rank = 1)
    ),
    costs AS
    (
        SELECT app_id, touch_id, cost_value, cost_currency
        FROM clean.touches
        WHERE (app_id, touch_id) IN (SELECT app_id, from_touch_id FROM moved)
          AND cost_value IS NOT NULL
          AND toDate(touch_at) BETWEEN {first_day:Date} - 91 AND {last_day:Date} + 1
        ORDER BY received_at, topic_id, partition, offset, frame_index, item_index
        LIMIT 1 BY app_id, touch_id
    )
SELECT
    m.app_id AS app_id,
    m.from_source AS from_source,
    m.to_source AS to_source,
    count() AS install_count,
    mapSort(sumMap(if(c.touch_id = '', map(), map(c.cost_currency, assumeNotNull(c.cost_value)))))
        AS costs
FROM moved AS m
LEFT JOIN costs AS c ON c.app_id = m.app_id AND c.touch_id = m.from_touch_id
GROUP BY app_id, from_source, to_source
ORDER BY install_count DESC, app_id, from_source, to_source
