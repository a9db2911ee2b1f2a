-- The event of an install as it landed.
SELECT event_name, toString(occurred_at), platform, gaid, android_id, idfa, idfv, properties
FROM clean.events
WHERE app_id = {app_id:String} AND message_id = {message_id:String}
