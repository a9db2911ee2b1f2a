-- Every device key that shares a component with a moved one, now or before, or with one in
-- staging.{devices}, with the names of both.
INSERT INTO staging.{target:Identifier} (app_id, device_key, component_key, from_component)
WITH
    was AS
    (
        SELECT app_id, identifier, any(component_key) AS component_key
        FROM staging.{present:Identifier}
        WHERE role = 'joined'
        GROUP BY app_id, identifier
    ),
    renamed AS
    (
        SELECT app_id, from_component AS component_key FROM staging.{moved:Identifier}
        UNION DISTINCT
        SELECT app_id, to_component FROM staging.{moved:Identifier}
        UNION DISTINCT
        SELECT app_id, component_key
        FROM staging.{placed:Identifier}
        WHERE (app_id, node) IN (SELECT app_id, device_key FROM staging.{devices:Identifier})
    )
SELECT p.app_id, p.node, p.component_key, if(was.component_key = '', p.node, was.component_key) AS named
FROM staging.{placed:Identifier} AS p
LEFT JOIN was ON p.app_id = was.app_id AND p.node = was.identifier
WHERE p.is_device_key
  AND ((p.app_id, p.component_key) IN (SELECT app_id, component_key FROM renamed)
       OR (p.app_id, named) IN (SELECT app_id, component_key FROM renamed))
UNION ALL
SELECT app_id, device_key, to_component, from_component
FROM staging.{moved:Identifier}
WHERE (app_id, device_key) NOT IN (SELECT app_id, node FROM staging.{placed:Identifier})
