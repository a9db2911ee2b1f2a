-- What the trial ruleset moves on {day} against {base}, in the order of mart.attribution_diff.
-- Without a base: against what counts, which may be of another ruleset in each app.
-- Every conversion of either is counted once, moved or not (reason 'unchanged').
--
-- {primary_by_app} and {primary} name what counts for an app that has no decision on the day which
-- does: all it has are re-engagements of the trial.
--
-- Reason: what the trial says of the touch that won before; where nothing had won, what the base
-- said of the touch that wins now; 'not_considered' where the touch was no candidate at all.
WITH
    base AS
    (
        SELECT app_id, conversion_id, conversion_kind, media_source, touch_id, ruleset_id
        FROM mart.attributed_installs
        WHERE if({base:String} = '', is_primary, ruleset_id = {base:String})
          AND toDate(installed_at) = {day:Date}
    ),
    bases AS
    (
        SELECT app_id, any(ruleset_id) AS base_ruleset_id FROM base GROUP BY app_id
    ),
    trial AS
    (
        SELECT app_id, conversion_id, conversion_kind, media_source, touch_id
        FROM mart.attributed_installs
        WHERE ruleset_id = {trial:String} AND toDate(installed_at) = {day:Date}
    ),
    reasons AS
    (
        SELECT ruleset_id, app_id, conversion_id, touch_id, reason, true AS is_known
        FROM mart.attribution_candidates
        WHERE toDate(installed_at) = {day:Date}
          AND (ruleset_id = {trial:String} OR ruleset_id IN (SELECT base_ruleset_id FROM bases))
    ),
    compared AS
    (
        SELECT
            if(b.conversion_id != '', b.app_id, t.app_id) AS app_id,
            if(b.conversion_id != '', b.conversion_id, t.conversion_id) AS conversion_id,
            b.media_source AS from_media_source,
            t.media_source AS to_media_source,
            b.conversion_kind AS from_kind,
            t.conversion_kind AS to_kind,
            multiIf(
                k.base_ruleset_id != '', toString(k.base_ruleset_id),
                {base:String} != '', {base:String},
                arrayExists(one -> one.1 = app_id, {primary_by_app:Array(Tuple(String, String))}),
                    arrayFirst(
                        one -> one.1 = app_id, {primary_by_app:Array(Tuple(String, String))}
                    ).2,
                {primary:String}
            ) AS base_ruleset_id,
            b.touch_id AS from_touch,
            t.touch_id AS to_touch,
            if(b.touch_id != '', {trial:String}, base_ruleset_id) AS asked,
            if(b.touch_id != '', b.touch_id, t.touch_id) AS asked_touch
        FROM base AS b
        FULL OUTER JOIN trial AS t ON b.app_id = t.app_id AND b.conversion_id = t.conversion_id
        LEFT JOIN bases AS k ON k.app_id = if(b.conversion_id != '', b.app_id, t.app_id)
    ),
    moved AS
    (
        SELECT
            c.*,
            multiIf(
                from_touch = to_touch AND from_media_source = to_media_source,
                    if(from_kind = to_kind, 'unchanged', 'kind'),
                r.is_known, r.reason,
                'not_considered'
            ) AS reason
        FROM compared AS c
        LEFT JOIN reasons AS r
            ON r.ruleset_id = c.asked AND r.app_id = c.app_id
            AND r.conversion_id = c.conversion_id AND r.touch_id = c.asked_touch
    ),
    -- Device keys that events of the day's installs may carry: an install belongs to a component.
    device_keys AS
    (
        SELECT app_id, device_key AS component_key, device_key
        FROM mart.installs
        WHERE toDate(installed_at) = {day:Date}
        UNION DISTINCT
        SELECT app_id, component_key, device_key
        FROM clean.component_devices
        WHERE (app_id, component_key) IN
              (SELECT app_id, device_key FROM mart.installs WHERE toDate(installed_at) = {day:Date})
    ),
    -- Each event with revenue belongs to the last install of its device at or before it.
    paid AS
    (
        SELECT i.app_id AS app_id, i.install_id AS conversion_id, e.currency AS currency,
               sum(e.revenue) AS revenue
        FROM
        (
            SELECT e.app_id AS app_id, k.component_key AS device_key, e.occurred_at AS occurred_at,
                   e.currency AS currency, e.revenue AS revenue
            FROM clean.events AS e
            INNER JOIN device_keys AS k ON e.app_id = k.app_id AND e.device_key = k.device_key
            WHERE e.revenue IS NOT NULL AND e.occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
              AND e.received_at >= toDateTime64({day:Date}, 3, 'UTC')
              AND (e.app_id, e.device_key) IN (SELECT app_id, device_key FROM device_keys)
        ) AS e
        ASOF INNER JOIN mart.installs AS i
            ON e.app_id = i.app_id AND e.device_key = i.device_key
            AND e.occurred_at >= i.installed_at
        WHERE toDate(i.installed_at) = {day:Date}
        GROUP BY app_id, conversion_id, currency
    ),
    -- Only prices per install move with the decision; clicks and views are paid either way.
    prices AS
    (
        SELECT app_id, touch_id, any(cost_currency) AS currency, any(cost_value) AS price
        FROM clean.touches
        WHERE lower(cost_model) IN ('cpi', 'cpa') AND cost_value IS NOT NULL
          AND (app_id, touch_id) IN
          (
              SELECT app_id, from_touch FROM moved WHERE from_touch != ''
              UNION DISTINCT
              SELECT app_id, to_touch FROM moved WHERE to_touch != ''
          )
        GROUP BY app_id, touch_id
    )
SELECT
    base_ruleset_id, {trial:String}, {day:Date}, app_id, from_media_source, to_media_source, from_kind,
    to_kind, reason, currency, sum(n), sum(paid_sum), sum(base_cost), sum(new_cost)
FROM
(
    SELECT
        base_ruleset_id, app_id, from_media_source, to_media_source, from_kind, to_kind, reason,
        '' AS currency,
        1 AS n, toDecimal128(0, 9) AS paid_sum, toDecimal128(0, 9) AS base_cost,
        toDecimal128(0, 9) AS new_cost
    FROM moved
    UNION ALL
    SELECT base_ruleset_id, m.app_id, from_media_source, to_media_source, from_kind, to_kind,
           reason, p.currency, 0,
           p.revenue, toDecimal128(0, 9), toDecimal128(0, 9)
    FROM moved AS m
    INNER JOIN paid AS p ON m.app_id = p.app_id AND m.conversion_id = p.conversion_id
    UNION ALL
    SELECT base_ruleset_id, m.app_id, from_media_source, to_media_source, from_kind, to_kind,
           reason, p.currency, 0,
           toDecimal128(0, 9), assumeNotNull(p.price), toDecimal128(0, 9)
    FROM moved AS m
    INNER JOIN prices AS p ON m.app_id = p.app_id AND m.from_touch = p.touch_id
    UNION ALL
    SELECT base_ruleset_id, m.app_id, from_media_source, to_media_source, from_kind, to_kind,
           reason, p.currency, 0,
           toDecimal128(0, 9), toDecimal128(0, 9), assumeNotNull(p.price)
    FROM moved AS m
    INNER JOIN prices AS p ON m.app_id = p.app_id AND m.to_touch = p.touch_id
)
GROUP BY base_ruleset_id, app_id, from_media_source, to_media_source, from_kind, to_kind, reason,
         currency
