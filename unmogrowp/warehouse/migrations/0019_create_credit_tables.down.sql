DROP TABLE IF EXISTS mart.channel_credit {{on_cluster}} SYNC;
DROP TABLE IF EXISTS mart.touch_credit {{on_cluster}} SYNC;
DROP TABLE IF EXISTS mart.journey_paths {{on_cluster}} SYNC;
