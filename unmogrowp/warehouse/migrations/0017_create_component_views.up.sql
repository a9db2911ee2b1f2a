CREATE VIEW IF NOT EXISTS clean.device_components {{on_cluster}} AS
SELECT DISTINCT app_id, identifier AS device_key, component_key
FROM clean.identities FINAL
WHERE role = 'joined' AND component_key != identifier
COMMENT 'One row per (app, device key) whose component has another name; any other device key is its own component';

CREATE VIEW IF NOT EXISTS clean.component_devices {{on_cluster}} AS
SELECT DISTINCT app_id, identifier AS component_key, arrayJoin(device_keys) AS device_key
FROM clean.identities FINAL
WHERE role = 'joined' AND notEmpty(device_keys)
COMMENT 'One row per (app, component, device key) of components with another device key than their name'
