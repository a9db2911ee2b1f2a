-- Links of clean.events into staging.{target}: device key, kind, identifier, and when an event with
-- both was first received. Rows of ranges after {after} through {through}; with {only_named} only
-- those of the device keys in staging.{devices}.
--
-- The device key is the anchor of an event: everything else it carries is linked to it, and the
-- key to itself. An event whose key says nothing (no device at all, or an anonymous id that is
-- blank, an address, or the user id once more) links nothing. identifiers.py says the same of one
-- text.
INSERT INTO staging.{target:Identifier} (app_id, device_key, kind, identifier, first_seen_at)
WITH
    (id -> trim(BOTH '0:._-' FROM id) != ''
        AND lower(id) NOT IN ('null', 'none', 'nil', 'undefined', 'unknown')) AS says_something,
    (text -> match(text, '^[^@ \\t\\n\\r\\f]+@[^@ \\t\\n\\r\\f]+\\.[^@ \\t\\n\\r\\f]+$')) AS is_address,
    (address -> lower(hex(SHA256(lower(address))))) AS hash_of,
    (id -> if(match(id, '^[0-9a-z._:-]{1,128}$') AND says_something(id)
              AND id != '9774d56d682e549c', id, '')) AS device_id_of,
    (id -> if(match(id, '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
              AND says_something(id), id, '')) AS advertising_id_of,
    (id -> if(length(id) <= 256 AND NOT is_address(id) AND says_something(id), id, '')) AS free_id_of
SELECT app_id, device_key, link.1, link.2, min(seen_at)
FROM
(
    SELECT
        *,
        trimBoth(user_id) AS user,
        trimBoth(anonymous_id) AS anonymous,
        if(anonymous = user, '', free_id_of(anonymous)) AS anonymous_key,
        multiIf(device_key = idfv, 'idfv', device_key = android_id, 'android_id',
                device_key = device_id, 'device_id', device_key = idfa, 'idfa',
                device_key = gaid, 'gaid', device_key = anonymous_id, 'anonymous_id',
                'device_id') AS key_kind
    FROM
    (
        SELECT
            app_id, device_key, device_id, idfa, idfv, gaid, android_id, anonymous_id, user_id,
            if(multiSearchAny(context, ['oaid', 'amazon', 'nstall', 'mail']), context, '') AS told,
            JSONExtract(told, 'Tuple(device Tuple(oaid String, amazonAdvertisingId String, amazon_aid String, installId String, install_id String, adTrackingEnabled String), traits Tuple(email String))')
                AS ctx,
            lower(trimBoth(ctx.device.oaid)) AS oaid,
            lower(trimBoth(if(ctx.device.amazonAdvertisingId != '', ctx.device.amazonAdvertisingId,
                              ctx.device.amazon_aid))) AS amazon_id,
            lower(trimBoth(if(ctx.device.installId != '', ctx.device.installId,
                              ctx.device.install_id))) AS install,
            ctx.device.adTrackingEnabled IN ('false', '0') AS is_opted_out,
            trimBoth(ctx.traits.email) AS context_address,
            if(event_type = 'identify' AND position(properties, 'email') > 0,
               trimBoth(JSONExtractString(properties, 'email')), '') AS traits_address,
            min(received_at) AS seen_at
        FROM clean.events
        WHERE landing_seq > {after:UInt64}
          AND landing_seq <= {through:UInt64}
          AND NOT startsWith(device_key, 'message:')
          AND (NOT {only_named:Bool}
               OR (app_id, device_key) IN (SELECT app_id, device_key FROM staging.{devices:Identifier}))
        GROUP BY app_id, device_key, device_id, idfa, idfv, gaid, android_id, anonymous_id, user_id,
                 told, traits_address
    )
)
ARRAY JOIN arrayFilter(link -> link.2 != '', [
    (key_kind, device_key),
    ('idfv', idfv),
    ('android_id', android_id),
    ('device_id', if(idfv = '' AND android_id = '', device_id, '')),
    ('idfa', idfa),
    ('gaid', gaid),
    ('anonymous_id', anonymous_key),
    ('oaid', if(is_opted_out, '', device_id_of(oaid))),
    ('amazon_id', if(is_opted_out, '', advertising_id_of(amazon_id))),
    ('install_id', device_id_of(install)),
    ('user_id', free_id_of(user)),
    ('hashed_email', if(is_address(user), hash_of(user), '')),
    ('hashed_email', if(is_address(context_address), hash_of(context_address), '')),
    ('hashed_email', if(is_address(traits_address), hash_of(traits_address), ''))
]) AS link
WHERE key_kind != 'anonymous_id' OR anonymous_key != ''
GROUP BY app_id, device_key, link.1, link.2
