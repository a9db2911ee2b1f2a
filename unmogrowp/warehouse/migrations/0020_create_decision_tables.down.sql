DROP TABLE IF EXISTS mart.attribution_diff {{on_cluster}} SYNC;

DROP VIEW IF EXISTS audit.decision_restatements {{on_cluster}} SYNC;

DROP VIEW IF EXISTS mart.decision_history {{on_cluster}} SYNC;

DROP TABLE IF EXISTS mart.decision_versions {{on_cluster}} SYNC;

DROP TABLE IF EXISTS mart.attributed_events {{on_cluster}} SYNC;
