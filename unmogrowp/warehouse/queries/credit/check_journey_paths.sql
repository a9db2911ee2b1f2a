-- Contract of staged paths: {conversion_count} conversions of {day}, each path once.
SELECT
    ['every_conversion_is_on_one_path', 'paths_are_counted_once', 'paths_have_touches',
     'paths_are_of_their_day'] AS sentences,
    [
        abs(toInt64(sum(conversions)) - toInt64({conversion_count:UInt64})),
        count() - uniqExact(app_id, path),
        countIf(empty(path) OR conversions + nulls = 0),
        countIf(day != {day:Date})
    ] AS broken
FROM staging.{staging:Identifier}
