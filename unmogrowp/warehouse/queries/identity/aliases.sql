-- Device keys of staging.{seen} that belong to a component of another name.
INSERT INTO staging.{target:Identifier} (app_id, device_key, component_key)
SELECT DISTINCT app_id, identifier, component_key
FROM clean.identities FINAL
WHERE role = 'joined'
  AND component_key != identifier
  AND (app_id, identifier) IN (SELECT app_id, device_key FROM staging.{seen:Identifier})
