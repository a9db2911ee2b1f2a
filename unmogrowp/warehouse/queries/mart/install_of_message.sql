-- The install that an event stands for.
SELECT install_id
FROM mart.installs
WHERE app_id = {app_id:String} AND source_message_id = {message_id:String}
