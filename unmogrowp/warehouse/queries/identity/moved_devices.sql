-- Device keys whose component has another name now. A key that was in no component, or is in none
-- any more, is a component of its own.
INSERT INTO staging.{target:Identifier} (app_id, device_key, from_component, to_component)
WITH was AS
(
    SELECT app_id, identifier, any(component_key) AS component_key
    FROM staging.{present:Identifier}
    WHERE role = 'joined'
    GROUP BY app_id, identifier
)
SELECT p.app_id, p.node, if(was.component_key = '', p.node, was.component_key) AS named, p.component_key
FROM staging.{placed:Identifier} AS p
LEFT JOIN was ON p.app_id = was.app_id AND p.node = was.identifier
WHERE p.is_device_key AND named != p.component_key
UNION ALL
SELECT was.app_id, was.identifier, was.component_key, was.identifier
FROM was
LEFT JOIN staging.{placed:Identifier} AS p ON p.app_id = was.app_id AND p.node = was.identifier
WHERE was.component_key != was.identifier
  AND p.node = '' -- no node is blank
