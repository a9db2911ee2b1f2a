-- Identifiers among the stitched that connect nothing, where the last build did not say so already.
INSERT INTO audit.identity_cuts
    (build_id, app_id, identifier, kind, reason, neighbour_count, component_size, component_limit,
     recorded_at)
SELECT
    {build_id:UInt64}, c.app_id, c.identifier, c.kind, c.cut, l.neighbour_count, l.component_size,
    {limit:UInt32}, fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT app_id, identifier, kind, cut
    FROM staging.{changes:Identifier}
    WHERE role = 'joined' AND cut != '' AND NOT is_deleted
) AS c
INNER JOIN staging.{nodes:Identifier} AS n ON c.app_id = n.app_id AND c.identifier = n.node
INNER JOIN staging.{labels:Identifier} AS l ON n.number = l.number
WHERE (c.app_id, c.identifier, c.kind, c.cut) NOT IN (
    SELECT app_id, identifier, kind, cut
    FROM staging.{present:Identifier}
    WHERE role = 'joined')
ORDER BY c.app_id, c.identifier, c.kind
