DROP TABLE IF EXISTS audit.anonymous_networks {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.fraud_reviews {{on_cluster}} SYNC;
