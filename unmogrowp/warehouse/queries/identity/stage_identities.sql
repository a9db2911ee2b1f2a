-- Rows of clean.identities for the nodes in staging.{placed}: each identifier in its component, what
-- is attached to the component, and the cut identifiers that it was seen with.
INSERT INTO staging.{target:Identifier}
    (app_id, identifier, kind, component_key, role, cut, first_seen_at, device_keys, build_id, is_deleted)
WITH
    -- What a node is called where it is an identifier; a device key is linked to itself for that.
    kinds AS
    (
        SELECT app_id, node, kind, min(first_seen_at) AS first_seen_at
        FROM staging.{near:Identifier}
        WHERE kind NOT IN ('user_id', 'hashed_email') AND (side = 'identifier' OR other = node)
        GROUP BY app_id, node, kind
    ),
    device_keys AS
    (
        SELECT app_id, component_key, arraySort(groupArray(node)) AS keys
        FROM staging.{placed:Identifier}
        WHERE is_device_key
        GROUP BY app_id, component_key
        HAVING keys != [component_key]
    ),
    cut_nodes AS
    (
        SELECT app_id, node, cut FROM staging.{placed:Identifier} WHERE cut != ''
    )
SELECT
    k.app_id, k.node, k.kind, p.component_key, 'joined', p.cut, k.first_seen_at,
    if(k.node = p.component_key, d.keys, []), {build_id:UInt64}, 0
FROM kinds AS k
INNER JOIN staging.{placed:Identifier} AS p ON k.app_id = p.app_id AND k.node = p.node
LEFT JOIN device_keys AS d ON p.app_id = d.app_id AND p.component_key = d.component_key
UNION ALL
SELECT
    l.app_id, l.other, l.kind, p.component_key, 'attached', '', min(l.first_seen_at), [],
    {build_id:UInt64}, 0
FROM staging.{near:Identifier} AS l
INNER JOIN staging.{placed:Identifier} AS p ON l.app_id = p.app_id AND l.node = p.node
WHERE l.side = 'device' AND l.kind IN ('user_id', 'hashed_email')
GROUP BY l.app_id, l.other, l.kind, p.component_key
UNION ALL
SELECT
    s.app_id, s.identifier, k.kind, s.component_key, 'shared', any(s.cut), min(s.first_seen_at), [],
    {build_id:UInt64}, 0
FROM
(
    SELECT
        l.app_id AS app_id, l.other AS identifier, p.component_key AS component_key, c.cut AS cut,
        l.first_seen_at AS first_seen_at
    FROM staging.{near:Identifier} AS l
    INNER JOIN cut_nodes AS c ON l.app_id = c.app_id AND l.other = c.node
    INNER JOIN staging.{placed:Identifier} AS p ON l.app_id = p.app_id AND l.node = p.node
    WHERE p.cut = '' AND l.other != l.node AND l.kind NOT IN ('user_id', 'hashed_email')
) AS s
INNER JOIN kinds AS k ON s.app_id = k.app_id AND s.identifier = k.node
GROUP BY s.app_id, s.identifier, k.kind, s.component_key
