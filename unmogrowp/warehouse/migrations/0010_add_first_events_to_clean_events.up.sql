-- First events of each device, per part and day of receipt: what an implied install is looked up
-- in. A projection lives and dies with its rows, so neither a retried insert nor a rebuilt
-- partition can leave it wrong, as a table filled beside clean.events could be.
ALTER TABLE clean.events {{on_cluster}} ADD PROJECTION IF NOT EXISTS first_events
(
    SELECT
        app_id,
        device_key,
        platform,
        event_name = 'Application Installed',
        toDate(received_at),
        min((occurred_at, message_id))
    GROUP BY
        app_id,
        device_key,
        platform,
        event_name = 'Application Installed',
        toDate(received_at)
);

ALTER TABLE clean.events {{on_cluster}} MATERIALIZE PROJECTION first_events
SETTINGS mutations_sync = 2;
