DROP TABLE IF EXISTS mart.fraud_verdicts {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.fraud_baselines {{on_cluster}} SYNC;
DROP TABLE IF EXISTS mart.fraud_publisher_days {{on_cluster}} SYNC;
