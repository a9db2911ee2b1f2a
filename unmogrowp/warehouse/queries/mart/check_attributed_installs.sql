-- Contract of staged decisions: one row per sentence with the rows that break it.
WITH
    (
        SELECT count() FROM mart.installs WHERE toDate(installed_at) = {day:Date}
    ) AS installs,
    conversion_id = install_id AS is_install
SELECT
    ['every_install_is_decided_exactly_once', 'installs_are_organic_or_have_a_touch',
     'organic_installs_have_a_reason', 'decisions_are_of_their_day',
     're_engagements_are_decided_once_and_have_a_touch'] AS sentences,
    [
        toUInt64(abs(toInt64(installs) - toInt64(uniqExactIf(conversion_id, is_install))))
            + (countIf(is_install) - uniqExactIf(conversion_id, is_install)),
        countIf(is_organic != (touch_id = '') OR is_organic != (media_source = 'organic')
                OR is_organic != (eligible_count = 0)),
        countIf(is_organic != (organic_reason != '')),
        countIf(toDate(installed_at) != {day:Date} OR ruleset_id != {ruleset_id:String}),
        (countIf(NOT is_install) - uniqExactIf(conversion_id, NOT is_install))
            + countIf(is_install = (conversion_kind = 're_engagement')
                      OR NOT is_install AND is_organic)
    ] AS broken
FROM staging.{staging:Identifier}
