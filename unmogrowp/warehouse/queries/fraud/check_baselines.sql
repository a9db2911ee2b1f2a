-- Contract of a staged baseline: one row per sentence with the rows that break it.
SELECT
    ['publishers_have_one_row_per_app', 'every_app_has_its_own_row', 'apps_are_the_sum_of_publishers',
     'histograms_add_up', 'only_complete_days_before_are_used', 'rows_are_of_their_day'] AS sentences,
    [
        toUInt64(count() - uniqExact(app_id, scope, media_source, site_id)),
        toUInt64(uniqExact(app_id) - countIf(scope = 'app')),
        toUInt64(abs(toInt64(sumIf(install_count, scope = 'app'))
            - toInt64(sumIf(install_count, scope = 'publisher')))),
        countIf(arraySum(mapValues(ctit_bins)) != ctit_count),
        countIf(last_day >= staged.day OR first_day > last_day),
        countIf(staged.day != {day:Date} OR staged.ruleset_id != {ruleset_id:String})
    ] AS broken
FROM staging.{staging:Identifier} AS staged
