-- Installs of {day} as subjects of decisions, in the order of the columns of the scratch table
-- `subjects`: what a touch may have in common with each, and which touches may win it.
-- {user_id_length} is 0 where no rule looks at user ids.
WITH
    -- Blank and all-zero ids match nothing: the clean layer removes them, this is the second lock.
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    agent -> if(
        position(agent, 'Android 10; K)') > 0, '',
        extract(agent, '(?:Android |iPhone OS |CPU OS )([0-9]+)')
    ) AS system_version_of,
    -- Behind an address with more installs than a household has, equal addresses mean nothing.
    crowds AS
    (
        SELECT app_id, ip_hash
        FROM mart.installs
        WHERE {is_probabilistic:Bool} AND toDate(installed_at) = {day:Date} AND ip_hash != ''
        GROUP BY app_id, ip_hash
        HAVING count() > {max_installs_per_address:UInt32}
    ),
    install_kind = 'reinstall' AND since_previous_ms <= {reinstall_window_ms:Int64} AS is_return
SELECT
    sipHash128(app_id, install_id) AS subject,
    app_id,
    install_id AS conversion_id,
    install_id,
    device_key,
    installed_at,
    if(is_return, 'reinstall', 'install') AS kind,
    true AS is_decided,
    toDateTime64(0, 3, 'UTC') AS touches_after,
    if(is_return, {reinstall_touches:String}, 'any') AS eligible_touches,
    if(click_id = '0', '', click_id) AS click_id,
    real(device_id) AS device_id,
    real(idfa) AS idfa,
    real(idfv) AS idfv,
    real(gaid) AS gaid,
    real(android_id) AS android_id,
    left(real(user_id), {user_id_length:UInt32}) AS user_id,
    source_message_id,
    referrer_media_source,
    referrer_campaign,
    referrer_click_at,
    is_referrer_time_assumed,
    install_begin_at,
    platform,
    country,
    ip_prefix,
    -- On iOS likeness needs the user's consent, whatever the ruleset says.
    if({is_probabilistic:Bool}
           AND (platform = 'android' OR platform = 'ios' AND has_tracking_consent)
           AND (app_id, ip_hash) NOT IN (SELECT app_id, ip_hash FROM crowds),
       ip_hash, '') AS ip_hash,
    if(extract(os_version, '[0-9]+') != '', extract(os_version, '[0-9]+'),
       system_version_of(user_agent)) AS system_version,
    concat(
        '"source_message_id":', toJSONString(source_message_id),
        ',"is_implied":', if(is_implied, 'true', 'false')
    ) AS evidence
FROM mart.installs
WHERE toDate(installed_at) = {day:Date}
