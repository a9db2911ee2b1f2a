-- Contract of staged channel credit: each of {models} models shares out exactly the conversions and
-- the value that staging.{journey_paths} counts for the app, so all models have equal totals.
WITH
    counted AS
    (
        SELECT
            app_id,
            toFloat64(sum(paths.conversions)) AS conversions,
            toFloat64(sum(paths.value)) AS value,
            toFloat64(sum(abs(paths.value))) AS size
        FROM staging.{journey_paths:Identifier} AS paths
        GROUP BY app_id
        HAVING conversions > 0
    ),
    credited AS
    (
        SELECT
            model_id,
            app_id,
            sum(rows.conversions) AS conversions,
            sum(rows.value) AS value,
            count() AS channels,
            uniqExact(channel) AS distinct_channels,
            countIf(NOT isFinite(rows.conversions) OR NOT isFinite(rows.value)) AS not_numbers,
            countIf(conversions_low > rows.conversions OR conversions_high < rows.conversions
                    OR value_low > rows.value OR value_high < rows.value) AS outside,
            countIf(day != {day:Date}) AS of_other_days
        FROM staging.{staging:Identifier} AS rows
        GROUP BY model_id, app_id
    )
SELECT
    ['conversions_are_equal_in_every_model', 'value_is_equal_in_every_model',
     'every_model_credits_every_app', 'channels_are_named_once', 'credit_is_a_number',
     'intervals_hold_the_credit', 'credit_is_of_its_day'] AS sentences,
    [
        countIf(NOT abs(m.conversions - c.conversions) <= 1e-9 * greatest(1, c.conversions)),
        countIf(NOT abs(m.value - c.value) <= 1e-9 * greatest(1, c.size)),
        abs(toInt64(count()) - toInt64({models:UInt32} * (SELECT count() FROM counted))),
        sum(m.channels - m.distinct_channels),
        sum(m.not_numbers),
        sum(m.outside),
        sum(m.of_other_days)
    ] AS broken
FROM credited AS m
LEFT JOIN counted AS c ON m.app_id = c.app_id
