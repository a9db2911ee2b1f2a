-- Contract of staged verdicts: one row per sentence with the rows that break it.
SELECT
    ['a_rule_fires_once_per_subject_and_mode', 'subjects_are_named', 'verdicts_never_block',
     'verdicts_name_value_and_reason', 'rows_are_of_their_day'] AS sentences,
    [
        toUInt64(count() - uniqExact(app_id, scope, media_source, site_id, install_id, rule, mode)),
        countIf((scope = 'install') != (install_id != '') OR scope NOT IN ('install', 'publisher')),
        countIf(mode NOT IN ('shadow', 'flag')),
        countIf(sentence = '' OR NOT isFinite(value) OR NOT isFinite(threshold)),
        countIf(staged.day != {day:Date} OR staged.ruleset_id != {ruleset_id:String})
    ] AS broken
FROM staging.{staging:Identifier} AS staged
