-- Rows of mart.journey_paths from the paths of a day, added up.
SELECT
    {journey_id:String} AS journey_id,
    app_id,
    {day:Date} AS day,
    if(empty(channels), [{untouched:String}], channels) AS path,
    countIf(has_converted) AS conversions,
    sum(paths.value) AS value,
    {currency:String} AS currency,
    countIf(NOT has_converted) AS nulls,
    {config_hash:String} AS config_hash
FROM staging.{paths:Identifier} AS paths
GROUP BY app_id, path
