-- Contract of staged publisher days: one row per sentence with the rows that break it.
WITH
    (
        SELECT count()
        FROM mart.attributed_installs
        WHERE ruleset_id = {ruleset_id:String} AND toDate(installed_at) = {day:Date}
          AND NOT is_organic AND conversion_kind != 're_engagement'
    ) AS credited
SELECT
    ['publishers_have_one_row_per_app_and_day', 'credited_installs_are_counted_once',
     'histograms_add_up', 'parts_are_no_larger_than_their_whole', 'rows_are_of_their_day']
        AS sentences,
    [
        toUInt64(count() - uniqExact(app_id, media_source, site_id)),
        toUInt64(abs(toInt64(credited) - toInt64(sum(install_count)))),
        countIf(arraySum(mapValues(ctit_bins)) != ctit_count),
        countIf(ctit_count > install_count OR new_device_count > install_count
                OR returned_count > cohort_count),
        countIf(staged.day != {day:Date} OR staged.ruleset_id != {ruleset_id:String})
    ] AS broken
FROM staging.{staging:Identifier} AS staged
