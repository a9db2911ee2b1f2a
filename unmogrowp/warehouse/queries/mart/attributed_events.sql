-- Rows of mart.attributed_events for the events of {day} in one of {buckets} buckets, in the order
-- of its columns: track events of devices that have an install, and every event with revenue.
--
-- First view: the source of the last conversion that counts as an install. Dynamic view: that of
-- the last conversion which changed the source: an install, a re-attribution, a reinstall that a
-- touch won, or a re-engagement at most {reengagement_window_ms} before the event. An event whose
-- device has no install at or before it belongs to the install of the same user, if there is one.
--
-- Decisions: those that count, in apps for which the ruleset counts on {day}; else its own, and on
-- days that it did not decide ({own_days} has none of them) those that count.
WITH
    app_id -> {counts_by_default:Bool} != has({other_apps:Array(String)}, app_id) AS counts_for,
    (app_id, at, decided_by, is_counted) -> if(
        counts_for(app_id) OR NOT arrayExists(
            own -> toDate(at) BETWEEN own.1 AND own.2, {own_days:Array(Tuple(Date, Date))}
        ),
        is_counted, decided_by = {ruleset_id:String}
    ) AS is_inherited,
    toDateTime64({day:Date} + 1, 3, 'UTC') AS day_end,
    landed AS
    (
        SELECT
            app_id, message_id, event_name, occurred_at, received_at, device_key, user_id, platform,
            country, revenue, currency
        FROM clean.events
        WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
          AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
          AND occurred_at < day_end
          AND (event_type = 'track' AND event_name != 'Application Installed'
               OR revenue IS NOT NULL)
          AND cityHash64(message_id) % {buckets:UInt32} = {bucket:UInt32}
    ),
    -- Conversions belong to components: an event is that of the component of its device key.
    events AS
    (
        SELECT l.* REPLACE (if(c.component_key = '', l.device_key, c.component_key) AS device_key)
        FROM landed AS l
        LEFT JOIN
        (
            SELECT app_id, device_key, component_key
            FROM clean.device_components
            WHERE (app_id, device_key) IN (SELECT app_id, device_key FROM landed)
        ) AS c ON l.app_id = c.app_id AND l.device_key = c.device_key
    ),
    conversions AS
    (
        SELECT
            app_id,
            device_key,
            install_id,
            (toUnixTimestamp64Milli(installed_at), conversion_id, conversion_kind, install_id,
             media_source, campaign, site_id, touch_id, is_organic) AS conversion
        FROM mart.attributed_installs
        WHERE has({ruleset_ids:Array(String)}, ruleset_id)
          AND is_inherited(app_id, installed_at, ruleset_id, is_primary)
          AND installed_at < day_end
          AND (app_id, device_key) IN (SELECT app_id, device_key FROM events)
    ),
    of_devices AS
    (
        SELECT app_id, device_key, arraySort(groupArray(conversion)) AS of_device
        FROM conversions
        GROUP BY app_id, device_key
    ),
    -- Installs that carry a user id of the day's events, for events of other devices of the user.
    of_users AS
    (
        SELECT app_id, user_id, arraySort(groupArray(conversion)) AS of_user
        FROM
        (
            SELECT
                d.app_id AS app_id,
                i.user_id AS user_id,
                (toUnixTimestamp64Milli(d.installed_at), d.conversion_id, d.conversion_kind,
                 d.install_id, d.media_source, d.campaign, d.site_id, d.touch_id, d.is_organic)
                    AS conversion
            FROM mart.attributed_installs AS d
            INNER JOIN
            (
                SELECT app_id, install_id, user_id
                FROM mart.installs
                WHERE user_id != '' AND installed_at < day_end
                  AND (app_id, user_id)
                      IN (SELECT app_id, user_id FROM events WHERE user_id != '')
            ) AS i ON d.app_id = i.app_id AND d.install_id = i.install_id
            WHERE has({ruleset_ids:Array(String)}, d.ruleset_id)
              AND is_inherited(d.app_id, d.installed_at, d.ruleset_id, d.is_primary)
              AND d.installed_at < day_end
        )
        GROUP BY app_id, user_id
    ),
    placed AS
    (
        SELECT
            e.app_id AS app_id, e.message_id AS message_id, e.event_name AS event_name,
            e.occurred_at AS occurred_at, e.received_at AS received_at,
            e.device_key AS device_key, e.user_id AS user_id, e.platform AS platform,
            e.country AS country, e.revenue AS revenue, e.currency AS currency,
            toUnixTimestamp64Milli(e.occurred_at) AS at_ms,
            arrayFilter(one -> one.1 <= at_ms, d.of_device) AS by_device,
            arrayFilter(one -> one.1 <= at_ms, u.of_user) AS by_user,
            if(notEmpty(by_device), by_device, by_user) AS before,
            multiIf(notEmpty(by_device), 'device', notEmpty(by_user), 'user_id', '')
                AS attributed_by,
            arrayLast(one -> one.3 != 're_engagement', before) AS installed,
            if(arrayExists(one -> one.3 = 'install', before),
               arrayLast(one -> one.3 = 'install', before), before[1]) AS first,
            arrayFilter(
                one -> one.3 IN ('install', 're_attribution')
                    OR one.3 = 'reinstall' AND NOT one.9
                    OR one.3 = 're_engagement'
                       AND at_ms - one.1 <= {reengagement_window_ms:Int64},
                before
            ) AS changes,
            if(notEmpty(changes), changes[-1], before[1]) AS now_of
        FROM events AS e
        LEFT JOIN of_devices AS d ON e.app_id = d.app_id AND e.device_key = d.device_key
        LEFT JOIN of_users AS u ON e.app_id = u.app_id AND e.user_id = u.user_id
        WHERE attributed_by != '' OR revenue IS NOT NULL
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    app_id,
    message_id,
    event_name,
    occurred_at,
    received_at,
    device_key,
    user_id,
    platform,
    country,
    revenue,
    currency,
    attributed_by,
    installed.4 AS install_id,
    if(attributed_by = '', NULL, at_ms - installed.1) AS since_install_ms,
    first.2 AS first_conversion_id,
    if(attributed_by = '', 'unattributed', first.5) AS first_media_source,
    first.6 AS first_campaign,
    now_of.2 AS conversion_id,
    now_of.3 AS conversion_kind,
    if(attributed_by = '', 'unattributed', now_of.5) AS media_source,
    now_of.6 AS campaign,
    now_of.7 AS site_id,
    now_of.8 AS touch_id,
    counts_for(app_id) AS is_primary
FROM placed
