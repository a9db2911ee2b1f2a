-- Openings of the app that may be re-engagements; which of them are is decided per ruleset. Days are
-- built only where a ruleset asks for re-engagements.
CREATE TABLE IF NOT EXISTS mart.openings {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    conversion_id    String                 COMMENT 'Hash of app, install, message and instant: the conversion it is where a touch wins it',
    install_id       String                 COMMENT 'Last install of the device before it',
    device_key       String                 COMMENT 'Device, as in mart.installs',
    opened_at        DateTime64(3, 'UTC')   COMMENT 'occurred_at of the event',
    installed_at     DateTime64(3, 'UTC')   COMMENT 'When that install happened; touches up to then belong to it',
    inactive_ms      Int64                  COMMENT 'Milliseconds since the last instant before it at which the device had an event',
    event_name       LowCardinality(String) COMMENT 'Application Opened or Deep Link Opened; another event where nothing was seen for a minute',
    platform         LowCardinality(String) COMMENT 'ios or android',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2',
    device_id        String                 COMMENT 'IDFV or Android id',
    idfa             String                 COMMENT 'Advertising id, iOS',
    idfv             String                 COMMENT 'Vendor id, iOS',
    gaid             String                 COMMENT 'Advertising id, Android',
    android_id       String                 COMMENT 'Android id',
    user_id          String                 COMMENT 'Id of the signed-in user',
    click_id         String                 COMMENT 'Click id the event carries; empty when none usable',
    received_at      DateTime64(3, 'UTC')   COMMENT 'received_at of the event',
    ip_prefix        LowCardinality(String) COMMENT 'Network of the device',
    source_message_id String                COMMENT 'message_id of the event'
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(opened_at)
ORDER BY (app_id, device_key, opened_at, conversion_id)
COMMENT 'One row per opening of the app on a device that has an install before it';
