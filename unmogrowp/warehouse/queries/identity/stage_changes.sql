-- What turns staging.{present} into staging.{wanted}: rows to write, and rows that go.
INSERT INTO staging.{target:Identifier}
SELECT w.*
FROM staging.{wanted:Identifier} AS w
LEFT JOIN staging.{present:Identifier} AS p
    ON w.app_id = p.app_id AND w.identifier = p.identifier AND w.kind = p.kind
    AND w.component_key = p.component_key
WHERE (w.role, w.cut, w.first_seen_at, w.device_keys)
   != (p.role, p.cut, p.first_seen_at, p.device_keys)
UNION ALL
SELECT p.* REPLACE ({build_id:UInt64} AS build_id, 1 AS is_deleted)
FROM staging.{present:Identifier} AS p
LEFT JOIN staging.{wanted:Identifier} AS w
    ON w.app_id = p.app_id AND w.identifier = p.identifier AND w.kind = p.kind
    AND w.component_key = p.component_key
WHERE w.identifier = '' -- no identifier is blank
