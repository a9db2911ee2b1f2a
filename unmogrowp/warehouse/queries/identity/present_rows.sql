-- Rows of clean.identities that the nodes in staging.{reached} have or had, and what is attached to
-- their components.
INSERT INTO staging.{target:Identifier}
WITH
    components AS
    (
        SELECT DISTINCT app_id, component_key
        FROM clean.identities FINAL
        WHERE role = 'joined'
          AND (app_id, identifier) IN (SELECT app_id, node FROM staging.{reached:Identifier})
    )
SELECT *
FROM clean.identities FINAL
WHERE {is_full:Bool}
   OR (app_id, identifier) IN (
          SELECT app_id, node FROM staging.{reached:Identifier}
          UNION DISTINCT
          -- Links that are gone are among these: their last version says so.
          SELECT app_id, other
          FROM clean.identity_links
          WHERE side = 'device'
            AND (app_id, node) IN (SELECT app_id, node FROM staging.{reached:Identifier}))
      AND (app_id, component_key) IN (SELECT app_id, component_key FROM components)
