DROP TABLE IF EXISTS audit.config_snapshots {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.quality_results {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.reconciliation_differences {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.reconciliation {{on_cluster}} SYNC;
