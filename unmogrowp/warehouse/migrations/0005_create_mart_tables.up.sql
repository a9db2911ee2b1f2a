CREATE TABLE IF NOT EXISTS mart.installs {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    install_id       String                 COMMENT 'Hash of app, device and ordinal',
    device_key       String                 COMMENT 'Device the install belongs to',
    ordinal          UInt32                 COMMENT 'Number of the install on this device, from 1',
    installed_at     DateTime64(3, 'UTC')   COMMENT 'occurred_at of the kept event',
    install_kind     LowCardinality(String) COMMENT 'install or reinstall',
    previous_install_id String              COMMENT 'Install before it on the same device',
    since_previous_ms Nullable(Int64)       COMMENT 'Milliseconds since the previous install',
    is_implied       Bool                   COMMENT 'No Application Installed was seen: the first event of the device stands for it',
    platform         LowCardinality(String) COMMENT 'ios, android, web, server, other',
    app_version      LowCardinality(String) COMMENT 'App version',
    device_model     LowCardinality(String) COMMENT 'Device model',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2',
    device_id        String                 COMMENT 'IDFV or Android id',
    idfa             String                 COMMENT 'Advertising id, iOS',
    idfv             String                 COMMENT 'Vendor id, iOS',
    gaid             String                 COMMENT 'Advertising id, Android',
    android_id       String                 COMMENT 'Android id',
    anonymous_id     String                 COMMENT 'Anonymous id',
    user_id          String                 COMMENT 'Id of the signed-in user',
    click_id         String                 COMMENT 'Click id the install carries; empty when none usable',
    referrer_media_source LowCardinality(String) COMMENT 'Paid source named by the install referrer',
    referrer_campaign LowCardinality(String) COMMENT 'Campaign named by the install referrer',
    referrer_click_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Click time of the install referrer, corrected',
    is_referrer_time_assumed Bool           COMMENT 'The referrer had no usable click clock: installed_at stands for it',
    install_begin_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the store began the download',
    received_at      DateTime64(3, 'UTC')   COMMENT 'received_at of the kept event',
    ip_prefix        LowCardinality(String) COMMENT 'Network of the device',
    ip_hash          String                 COMMENT 'Keyed hash of the address of the device',
    user_agent       LowCardinality(String) COMMENT 'User agent of the device',
    source_message_id String                COMMENT 'message_id of the kept event'
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(installed_at)
ORDER BY (app_id, device_key, installed_at, install_id)
COMMENT 'One row per install or reinstall of a device';

CREATE TABLE IF NOT EXISTS mart.attribution_candidates {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset',
    app_id           LowCardinality(String) COMMENT 'App',
    install_id       String                 COMMENT 'Install',
    installed_at     DateTime64(3, 'UTC')   COMMENT 'installed_at of the install',
    touch_id         String                 COMMENT 'Touch that was considered',
    touch_type       LowCardinality(String) COMMENT 'click or impression',
    media_source     LowCardinality(String) COMMENT 'Ad network or owned channel',
    campaign         LowCardinality(String) COMMENT 'Campaign name',
    campaign_id      LowCardinality(String) COMMENT 'Campaign id',
    adset            LowCardinality(String) COMMENT 'Ad set name',
    ad               LowCardinality(String) COMMENT 'Ad name',
    site_id          LowCardinality(String) COMMENT 'Publisher',
    touch_at         DateTime64(3, 'UTC')   COMMENT 'When the touch happened',
    is_time_assumed  Bool                   COMMENT 'touch_at is the install time for want of a clock',
    age_ms           Int64                  COMMENT 'installed_at - touch_at in milliseconds',
    match_type       LowCardinality(String) COMMENT 'click_id, referrer, device_id, user_id, probabilistic',
    matched_on       Array(LowCardinality(String)) COMMENT 'Fields of both that were equal',
    window_ms        Int64                  COMMENT 'Lookback window in milliseconds; both edges are in',
    is_in_window     Bool                   COMMENT '0 <= age_ms <= window_ms',
    fraud_verdicts   Array(Tuple(rule LowCardinality(String), mode LowCardinality(String), value Float64, threshold Float64)) COMMENT 'Fraud rules that fired',
    tier             UInt8                  COMMENT '1 click deterministic, 2 click probabilistic, 3 impression deterministic, 4 impression probabilistic',
    rank             UInt32                 COMMENT 'Place among the eligible, from 1; 0 when refused',
    verdict          LowCardinality(String) COMMENT 'won, lost, refused',
    reason           LowCardinality(String) COMMENT 'Why it lost or was refused'
)
ENGINE = {{merge_tree}}
PARTITION BY (ruleset_id, toDate(installed_at))
ORDER BY (app_id, install_id, rank, touch_id)
COMMENT 'One row per (ruleset, install, touch considered)';

CREATE TABLE IF NOT EXISTS mart.attributed_installs {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset',
    app_id           LowCardinality(String) COMMENT 'App',
    conversion_id    String                 COMMENT 'install_id for installs',
    install_id       String                 COMMENT 'Install',
    device_key       String                 COMMENT 'Device',
    installed_at     DateTime64(3, 'UTC')   COMMENT 'When the install happened',
    conversion_kind  LowCardinality(String) COMMENT 'install, reinstall, re_attribution, re_engagement',
    is_organic       Bool                   COMMENT 'No eligible touch',
    organic_reason   LowCardinality(String) COMMENT 'no_touch, or why the best candidate was refused',
    media_source     LowCardinality(String) COMMENT 'Winner, or organic',
    campaign         LowCardinality(String) COMMENT 'Campaign name',
    campaign_id      LowCardinality(String) COMMENT 'Campaign id',
    adset            LowCardinality(String) COMMENT 'Ad set name',
    ad               LowCardinality(String) COMMENT 'Ad name',
    site_id          LowCardinality(String) COMMENT 'Publisher',
    touch_id         String                 COMMENT 'Touch that won',
    touch_type       LowCardinality(String) COMMENT 'click or impression',
    touch_at         Nullable(DateTime64(3, 'UTC')) COMMENT 'When the winning touch happened',
    match_type       LowCardinality(String) COMMENT 'How it was matched',
    ctit_ms          Nullable(Int64)        COMMENT 'Touch to install time in milliseconds',
    window_ms        Nullable(Int64)        COMMENT 'Window that applied, in milliseconds',
    candidate_count  UInt32                 COMMENT 'Touches considered',
    eligible_count   UInt32                 COMMENT 'Of these, not refused',
    assists          Array(Tuple(touch_id String, media_source LowCardinality(String), touch_type LowCardinality(String), touch_at DateTime64(3, 'UTC'))) COMMENT 'Eligible touches that lost, in rank order; at most 20',
    platform         LowCardinality(String) COMMENT 'ios, android, web, server, other',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2',
    decision_id      String                 COMMENT 'Hash of the decision and what it rests on',
    config_hash      String                 COMMENT 'Hash of the ruleset',
    is_primary       Bool                   COMMENT 'This decision counts in reports of its ruleset',
    evidence         String CODEC(ZSTD(1))  COMMENT 'JSON text: what the decision rests on'
)
ENGINE = {{merge_tree}}
PARTITION BY (ruleset_id, toDate(installed_at))
ORDER BY (app_id, media_source, installed_at, conversion_id)
COMMENT 'One row per (ruleset, conversion): the decision with its evidence';
