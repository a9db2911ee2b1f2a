-- All links there are, found by both ends: a full build has just read every event into
-- staging.{seen}, and clean.identity_links holds the same.
INSERT INTO staging.{near:Identifier} (app_id, node, side, kind, other, first_seen_at)
SELECT app_id, end.1, end.2, kind, end.3, first_seen_at
FROM staging.{seen:Identifier}
ARRAY JOIN if(kind IN ('user_id', 'hashed_email') OR device_key = identifier,
    [(device_key, 'device', identifier)],
    [(device_key, 'device', identifier), (identifier, 'identifier', device_key)]) AS end
