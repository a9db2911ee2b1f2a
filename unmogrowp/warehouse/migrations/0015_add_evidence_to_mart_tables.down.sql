ALTER TABLE mart.attribution_candidates {{on_cluster}} DROP COLUMN IF EXISTS conversion_id;

ALTER TABLE mart.attribution_candidates {{on_cluster}} DROP COLUMN IF EXISTS is_retargeting;

ALTER TABLE mart.installs {{on_cluster}} DROP COLUMN IF EXISTS has_tracking_consent;

ALTER TABLE mart.installs {{on_cluster}} DROP COLUMN IF EXISTS os_version;
