-- Contract of staged touch credit: {models} models share out {conversion_count} conversions of {day}.
SELECT
    ['credit_sums_to_one_per_conversion', 'every_model_credits_every_conversion',
     'credit_lies_between_zero_and_one', 'a_touch_is_credited_once_per_conversion',
     'credit_is_of_its_day'] AS sentences,
    [
        countIf(NOT abs(total - 1) <= 1e-9),
        abs(toInt64(count()) - toInt64({models:UInt32} * {conversion_count:UInt64})),
        sum(outside),
        sum(places - distinct_places),
        sum(of_other_days)
    ] AS broken
FROM
(
    SELECT
        model_id,
        app_id,
        conversion_id,
        sum(credit) AS total,
        countIf(NOT (credit > 0 AND credit <= 1 + 1e-9)) AS outside,
        count() AS places,
        uniqExact(position, touch_id) AS distinct_places,
        countIf(toDate(converted_at) != {day:Date}) AS of_other_days
    FROM staging.{staging:Identifier}
    GROUP BY model_id, app_id, conversion_id
)
