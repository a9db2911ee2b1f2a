-- The paths of staging.{paths} with one transform applied; unmogrowp/attribution/credit/transforms.py
-- says what each keeps. {trim_length} is the N of trim_long_N.
WITH
    arrayEnumerateUniq(channels) AS from_start,
    arrayReverse(arrayEnumerateUniq(arrayReverse(channels))) AS from_end,
    arrayAll(channel -> channel = {direct:String}, channels) AS is_all_direct,
    arrayFilter(
        place -> multiIf(
            {transform:String} = 'exposure',
                place = 1 OR channels[place] != channels[toInt64(place) - 1],
            {transform:String} = 'first', from_start[place] = 1,
            {transform:String} = 'unique', from_end[place] = 1,
            {transform:String} = 'remove_direct_unless_only',
                is_all_direct OR channels[place] != {direct:String},
            {transform:String} = 'trim_long', place > length(channels) - {trim_length:Int64},
            true
        ),
        arrayEnumerate(channels)
    ) AS kept
SELECT
    has_converted, app_id, journey, last_at, value,
    arrayMap(place -> touch_ids[place], kept),
    arrayMap(place -> touch_times[place], kept),
    arrayMap(place -> channels[place], kept)
FROM staging.{paths:Identifier}
