-- What staging.{seen} says of links and clean.identity_links does not: new links, links seen earlier
-- than known, and links that are gone. Gone can only be what was read as a whole: the device keys
-- in staging.{devices}, or with {is_full} all of them.
INSERT INTO clean.identity_links
    (app_id, node, side, kind, other, first_seen_at, build_id, is_deleted)
WITH
    known AS
    (
        SELECT app_id, node AS device_key, kind, other AS identifier, first_seen_at, true AS is_known
        FROM clean.identity_links FINAL
        WHERE side = 'device'
          AND ({is_full:Bool}
               OR (app_id, node) IN (
                   SELECT app_id, device_key FROM staging.{seen:Identifier}
                   UNION DISTINCT
                   SELECT app_id, device_key FROM staging.{devices:Identifier}))
    ),
    whole AS
    (
        SELECT app_id, device_key FROM staging.{devices:Identifier}
    )
SELECT app_id, end.1, end.2, kind, end.3, first_seen_at, {build_id:UInt64}, is_deleted
FROM
(
    SELECT
        seen.app_id AS app_id, seen.device_key AS device_key, seen.kind AS kind,
        seen.identifier AS identifier, seen.first_seen_at AS first_seen_at, 0 AS is_deleted
    FROM staging.{seen:Identifier} AS seen
    LEFT JOIN known USING (app_id, device_key, kind, identifier)
    WHERE NOT known.is_known
       OR seen.first_seen_at < known.first_seen_at
       OR seen.first_seen_at > known.first_seen_at
          AND ({is_full:Bool} OR (app_id, device_key) IN (SELECT app_id, device_key FROM whole))
    UNION ALL
    -- A join and no set: it may go to disk, and all there ever was is in it.
    SELECT
        known.app_id, known.device_key, known.kind, known.identifier, known.first_seen_at,
        1 AS is_deleted
    FROM known
    LEFT JOIN (SELECT *, true AS is_seen FROM staging.{seen:Identifier}) AS seen
        USING (app_id, device_key, kind, identifier)
    WHERE ({is_full:Bool} OR (app_id, device_key) IN (SELECT app_id, device_key FROM whole))
      AND NOT seen.is_seen
)
ARRAY JOIN if(kind IN ('user_id', 'hashed_email') OR device_key = identifier,
    [(device_key, 'device', identifier)],
    [(device_key, 'device', identifier), (identifier, 'identifier', device_key)]) AS end
