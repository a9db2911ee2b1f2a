-- Rows of mart.channel_credit of the rule models, added up from staged touch credit. Decimals make
-- the sums the same in whatever order rows come; floats would differ in the last digit.
SELECT
    model_id,
    app_id,
    {day:Date} AS day,
    channel,
    toFloat64(sum(toDecimal128(credit, 18))),
    NULL, NULL,
    toFloat64(sum(toDecimal256(rows.value, 18))),
    NULL, NULL,
    false,
    any(currency),
    any(config_hash)
FROM staging.{touch_credit:Identifier} AS rows
GROUP BY model_id, app_id, channel
