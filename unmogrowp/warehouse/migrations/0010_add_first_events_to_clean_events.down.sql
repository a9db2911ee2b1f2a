ALTER TABLE clean.events {{on_cluster}} DROP PROJECTION IF EXISTS first_events
SETTINGS mutations_sync = 2;
