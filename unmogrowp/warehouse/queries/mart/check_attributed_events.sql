-- Contract of staged attributed events: one row per sentence with the rows that break it.
WITH
    (
        SELECT (count(), sum(revenue))
        FROM clean.events
        WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
          AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
          AND occurred_at < toDateTime64({day:Date} + 1, 3, 'UTC')
          AND revenue IS NOT NULL
    ) AS paid
SELECT
    ['every_event_with_revenue_is_there_once', 'no_revenue_is_lost_or_made',
     'events_without_an_install_are_unattributed', 'events_are_of_their_day',
     'no_event_comes_before_its_install'] AS sentences,
    [
        toUInt64(abs(toInt64(paid.1) - toInt64(countIf(revenue IS NOT NULL)))),
        toUInt64(ifNull(paid.2, 0) != ifNull(sum(revenue), 0)),
        countIf((media_source = 'unattributed') != (attributed_by = '')
                OR (first_media_source = 'unattributed') != (attributed_by = '')),
        countIf(toDate(occurred_at) != {day:Date} OR ruleset_id != {ruleset_id:String}),
        countIf(since_install_ms < 0)
    ] AS broken
FROM staging.{staging:Identifier}
