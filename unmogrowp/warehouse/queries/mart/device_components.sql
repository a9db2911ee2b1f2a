-- Device keys of the components that the devices in staging.{devices} belong to, with the names of
-- those: an install belongs to the component, whichever of its device keys an event has. A device
-- key that the views do not know is a component of its own. Conditions on (app_id, key) reach the
-- primary key of clean.identities through the views.
WITH named AS
(
    SELECT DISTINCT
        d.app_id AS app_id,
        if(c.component_key = '', d.device_key, c.component_key) AS component_key
    FROM staging.{devices:Identifier} AS d
    LEFT JOIN
    (
        SELECT *
        FROM clean.device_components
        WHERE (app_id, device_key) IN (SELECT app_id, device_key FROM staging.{devices:Identifier})
    ) AS c ON d.app_id = c.app_id AND d.device_key = c.device_key
)
SELECT app_id, device_key, component_key
FROM clean.component_devices
WHERE (app_id, component_key) IN (SELECT app_id, component_key FROM named)
UNION ALL
SELECT app_id, component_key, component_key
FROM named
WHERE (app_id, component_key) NOT IN (
    SELECT app_id, component_key
    FROM clean.component_devices
    WHERE (app_id, component_key) IN (SELECT app_id, component_key FROM named))
