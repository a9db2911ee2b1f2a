-- Everything that is in a component of {app_id} or was seen with it, what was received first first.
SELECT identifier, kind, role, cut, first_seen_at
FROM clean.identities FINAL
WHERE app_id = {app_id:String} AND component_key = {component_key:String}
ORDER BY role != 'joined', role, first_seen_at, kind, identifier
