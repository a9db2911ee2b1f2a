-- What likeness is judged by: the system the app ran on, and whether its user allowed tracking.
ALTER TABLE mart.installs {{on_cluster}} ADD COLUMN IF NOT EXISTS os_version LowCardinality(String) COMMENT 'Operating system version';

ALTER TABLE mart.installs {{on_cluster}} ADD COLUMN IF NOT EXISTS has_tracking_consent Bool COMMENT 'The user allowed tracking (context.device.adTrackingEnabled)';

ALTER TABLE mart.attribution_candidates {{on_cluster}} ADD COLUMN IF NOT EXISTS is_retargeting Bool COMMENT 'The touch belongs to a retargeting campaign';

ALTER TABLE mart.attribution_candidates {{on_cluster}} ADD COLUMN IF NOT EXISTS conversion_id String COMMENT 'Conversion the touch is considered for; install_id for installs';
