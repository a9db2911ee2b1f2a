CREATE TABLE floor.matched
(
    app_id LowCardinality(String), install_id String, installed_at DateTime64(3, 'UTC'),
    touch_id String, touch_type LowCardinality(String), media_source LowCardinality(String),
    campaign LowCardinality(String), campaign_id LowCardinality(String),
    adset LowCardinality(String), ad LowCardinality(String), site_id LowCardinality(String),
    touch_at DateTime64(3, 'UTC'), is_time_assumed Bool, is_retargeting Bool, age_ms Int64,
    by_click Bool, by_gaid Bool, place UInt8, window_ms Int64,
    install_begin_at Nullable(DateTime64(3, 'UTC')), is_other_country Bool, unusable_ids UInt8,
    is_other_referrer Bool
)
ENGINE = Memory
