CREATE TABLE IF NOT EXISTS mart.journey_paths {{on_cluster}}
(
    journey_id       LowCardinality(String) COMMENT 'Definition of conversions and journeys',
    app_id           LowCardinality(String) COMMENT 'App',
    day              Date                   COMMENT 'UTC day of the conversions; of the last touch of journeys that did not convert',
    path             Array(LowCardinality(String)) COMMENT 'Channels of the touches, oldest first',
    conversions      UInt64                 COMMENT 'Journeys along this path that converted on the day',
    value            Decimal(38, 9)         COMMENT 'Value of these conversions in currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217; empty when conversions have no value',
    nulls            UInt64                 COMMENT 'Journeys along this path that were touched on the day and did not convert on it',
    config_hash      String                 COMMENT 'Hash of the definition'
)
ENGINE = {{merge_tree}}
PARTITION BY (journey_id, day)
ORDER BY (app_id, path)
COMMENT 'One row per (journey definition, day, app, path of channels)';

CREATE TABLE IF NOT EXISTS mart.touch_credit {{on_cluster}}
(
    model_id         LowCardinality(String) COMMENT 'Journey definition and model, <journey_id>.<model>',
    app_id           LowCardinality(String) COMMENT 'App',
    conversion_id    String                 COMMENT 'install_id or message_id of the conversion',
    converted_at     DateTime64(3, 'UTC')   COMMENT 'When it happened',
    position         UInt32                 COMMENT 'Place of the touch on the path, from 1; 0 when no touch came before',
    path_length      UInt32                 COMMENT 'Touches on the path',
    touch_id         String                 COMMENT 'Touch that is credited; empty when no touch came before',
    touch_at         Nullable(DateTime64(3, 'UTC')) COMMENT 'When the touch happened',
    channel          LowCardinality(String) COMMENT 'Channel of the touch',
    credit           Float64                COMMENT 'Share of the conversion; adds up to 1 per model and conversion',
    value            Float64                COMMENT 'credit times the value of the conversion, in currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217; empty when conversions have no value',
    config_hash      String                 COMMENT 'Hash of the definition'
)
ENGINE = {{merge_tree}}
PARTITION BY (model_id, toDate(converted_at))
ORDER BY (app_id, channel, converted_at, conversion_id, position)
COMMENT 'One row per (model, conversion, touch with credit)';

CREATE TABLE IF NOT EXISTS mart.channel_credit {{on_cluster}}
(
    model_id         LowCardinality(String) COMMENT 'Journey definition and model, <journey_id>.<model>',
    app_id           LowCardinality(String) COMMENT 'App',
    day              Date                   COMMENT 'UTC day of the conversions',
    channel          LowCardinality(String) COMMENT 'Channel',
    conversions      Float64                COMMENT 'Conversions credited to the channel',
    conversions_low  Nullable(Float64)      COMMENT 'Low end of the bootstrap interval; NULL for rule models',
    conversions_high Nullable(Float64)      COMMENT 'High end of the bootstrap interval; NULL for rule models',
    value            Float64                COMMENT 'Value credited to the channel, in currency',
    value_low        Nullable(Float64)      COMMENT 'Low end of the bootstrap interval; NULL for rule models',
    value_high       Nullable(Float64)      COMMENT 'High end of the bootstrap interval; NULL for rule models',
    is_too_few_to_separate Bool             COMMENT 'Algorithmic models: not clearly apart from the channel ranked next to it',
    currency         LowCardinality(String) COMMENT 'ISO 4217; empty when conversions have no value',
    config_hash      String                 COMMENT 'Hash of the definition'
)
ENGINE = {{merge_tree}}
PARTITION BY (model_id, day)
ORDER BY (app_id, channel)
COMMENT 'One row per (model, day, app, channel with credit)';
