DROP TABLE IF EXISTS audit.rebuilt_devices {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.restatements {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.identity_cuts {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.identity_builds {{on_cluster}} SYNC;
DROP TABLE IF EXISTS clean.identities {{on_cluster}} SYNC;
DROP TABLE IF EXISTS clean.identity_links {{on_cluster}} SYNC
