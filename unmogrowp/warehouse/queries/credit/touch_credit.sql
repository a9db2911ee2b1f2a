-- Rows of mart.touch_credit under one rule model, from the paths of a day. Shares are worked out
-- along each path, oldest touch first; unmogrowp/attribution/credit/rule_models.py states the rules.
-- A path without a touch is one place, {untouched}, that gets everything.
WITH
    empty(paths.channels) AS is_untouched,
    if(is_untouched, [{untouched:String}], paths.channels) AS channels,
    if(is_untouched, [''], paths.touch_ids) AS touch_ids,
    if(is_untouched, [last_at], paths.touch_times) AS touch_times,
    length(channels) AS size,
    arrayEnumerate(channels) AS places,
    -- Only ratios count, so ages are taken from the youngest touch: nothing runs down to 0 / 0.
    arrayMap(
        at -> exp2(-dateDiff('millisecond', at, touch_times[-1]) / {half_life_ms:Float64}),
        touch_times
    ) AS decayed,
    {opening:Float64} + {closing:Float64} AS ends,
    if(ends > 0, {opening:Float64} / ends, 0.5) AS opening_of_two,
    arrayLastIndex(channel -> channel != {direct:String}, channels) AS last_paid,
    multiIf(
        {model:String} = 'first', arrayMap(place -> toFloat64(place = 1), places),
        {model:String} = 'last', arrayMap(place -> toFloat64(place = size), places),
        {model:String} = 'last_non_direct',
            arrayMap(place -> toFloat64(place = if(last_paid = 0, size, last_paid)), places),
        {model:String} = 'linear', arrayMap(place -> 1 / size, places),
        {model:String} = 'position_based',
            arrayMap(
                place -> multiIf(
                    size = 1, 1,
                    size = 2, if(place = 1, opening_of_two, 1 - opening_of_two),
                    place = 1, {opening:Float64},
                    place = size, {closing:Float64},
                    {middle:Float64} / (size - 2)
                ),
                places
            ),
        {model:String} = 'time_decay', arrayMap(weight -> weight / arraySum(decayed), decayed),
        []
    ) AS shares
SELECT
    {model_id:String},
    app_id,
    journey,
    last_at,
    if(is_untouched, 0, place),
    if(is_untouched, 0, size),
    touch_ids[place],
    if(is_untouched, NULL, touch_times[place]),
    channels[place],
    share,
    share * toFloat64(paths.value),
    {currency:String},
    {config_hash:String}
FROM staging.{paths:Identifier} AS paths
ARRAY JOIN places AS place, shares AS share
WHERE has_converted AND share > 0
