DROP VIEW IF EXISTS clean.component_devices {{on_cluster}} SYNC;
DROP VIEW IF EXISTS clean.device_components {{on_cluster}} SYNC
