-- Openings from {first_day} to {last_day} in {openings} as subjects of decisions, in the order of the
-- columns of the scratch table `subjects`: those after enough inactivity which share an id with a
-- retargeting touch that they could answer. All others cannot be won, and they are nearly all.
--
-- An equal address says nothing about who of a household came back, so likeness is left out.
WITH
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    -- One number for app, kind of id and id: it only finds openings that are worth a closer look.
    (kind, app, id) -> if(id = '', 0, cityHash64(kind, app, id)) AS key_of,
    toUnixTimestamp64Milli(toDateTime64({first_day:Date}, 3, 'UTC')) - {longest_window_ms:Int64}
        AS reach_start_ms,
    fromUnixTimestamp64Milli(reach_start_ms, 'UTC') AS reach_start,
    toDateTime64({last_day:Date} + 1, 3, 'UTC') AS reach_end,
    retargeted AS
    (
        SELECT DISTINCT arrayJoin([
            key_of('click_id', app_id, click_id),
            key_of('idfa', app_id, idfa),
            key_of('idfv', app_id, idfv),
            key_of('gaid', app_id, gaid),
            key_of('android_id', app_id, android_id),
            key_of('user_id', app_id, left(real(user_id), {user_id_length:UInt32}))
        ]) AS key
        FROM clean.touches
        WHERE is_retargeting AND touch_at >= reach_start AND touch_at < reach_end
          AND received_at >= reach_start -- nothing is received before it happened
    )
SELECT
    sipHash128(app_id, conversion_id) AS subject,
    app_id,
    conversion_id,
    install_id,
    device_key,
    opened_at AS installed_at,
    're_engagement' AS kind,
    {is_decided:Bool} AS is_decided,
    o.installed_at AS touches_after,
    'retargeting' AS eligible_touches,
    if(o.click_id = '0', '', o.click_id) AS click_id,
    real(o.device_id) AS device_id,
    real(o.idfa) AS idfa,
    real(o.idfv) AS idfv,
    real(o.gaid) AS gaid,
    real(o.android_id) AS android_id,
    left(real(o.user_id), {user_id_length:UInt32}) AS user_id,
    source_message_id,
    '' AS referrer_media_source,
    '' AS referrer_campaign,
    NULL AS referrer_click_at,
    false AS is_referrer_time_assumed,
    NULL AS install_begin_at,
    platform,
    country,
    ip_prefix,
    '' AS ip_hash,
    '' AS system_version,
    concat(
        '"source_message_id":', toJSONString(source_message_id),
        ',"event_name":', toJSONString(event_name),
        ',"inactive_ms":', toString(inactive_ms)
    ) AS evidence
FROM {database:Identifier}.{openings:Identifier} AS o
WHERE toDate(opened_at) BETWEEN {first_day:Date} AND {last_day:Date}
  AND if({inactivity_ms:Int64} = 0, event_name IN ('Application Opened', 'Deep Link Opened'),
         inactive_ms >= {inactivity_ms:Int64})
  AND arrayExists(
      key -> key != 0 AND key IN (SELECT key FROM retargeted),
      [
          key_of('click_id', app_id, click_id),
          key_of('idfa', app_id, idfa),
          key_of('idfv', app_id, idfv),
          key_of('idfv', app_id, device_id),
          key_of('gaid', app_id, gaid),
          key_of('android_id', app_id, android_id),
          key_of('android_id', app_id, device_id),
          key_of('user_id', app_id, user_id)
      ]
  )
