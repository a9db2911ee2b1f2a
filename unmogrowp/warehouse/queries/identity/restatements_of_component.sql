-- Published installs that were restated when {component_key} of {app_id} lost or gained them.
SELECT day, install_id, from_component, from_ordinal, to_component, to_ordinal, reason, joined_by, recorded_at
FROM audit.restatements
WHERE app_id = {app_id:String}
  AND build_id > 0 -- decisions about publishers are listed here as well
  AND (from_component = {component_key:String} OR to_component = {component_key:String})
ORDER BY recorded_at, day, install_id
