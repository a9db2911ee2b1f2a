CREATE TABLE IF NOT EXISTS clean.events {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    message_id       String                 COMMENT 'Id the client gave, or a hash of request and index',
    event_type       LowCardinality(String) COMMENT 'track, identify, page, screen, group, alias',
    event_name       LowCardinality(String) COMMENT 'Name of a track event; empty for other types',
    anonymous_id     String                 COMMENT 'Anonymous id',
    user_id          String                 COMMENT 'Id of the signed-in user',
    device_id        String                 COMMENT 'IDFV or Android id; lower case',
    idfa             String                 COMMENT 'Advertising id, iOS',
    idfv             String                 COMMENT 'Vendor id, iOS',
    gaid             String                 COMMENT 'Advertising id, Android',
    android_id       String                 COMMENT 'Android id',
    device_key       String                 COMMENT 'device_id, else advertising id, else anonymous id, else message:<message_id>',
    platform         LowCardinality(String) COMMENT 'ios, android, web, server, other',
    os_version       LowCardinality(String) COMMENT 'Operating system version',
    app_version      LowCardinality(String) COMMENT 'App version',
    device_model     LowCardinality(String) COMMENT 'Device model',
    locale           LowCardinality(String) COMMENT 'Locale',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2, upper case; empty when unknown',
    original_at      Nullable(DateTime64(3, 'UTC')) COMMENT 'Client time as given',
    sent_at          Nullable(DateTime64(3, 'UTC')) COMMENT 'Client time of sending',
    received_at      DateTime64(3, 'UTC')   COMMENT 'When the collector received it',
    occurred_at      DateTime64(3, 'UTC')   COMMENT 'Corrected client time, never after received_at',
    clock_skew_ms    Int64                  COMMENT 'Milliseconds added to the client time',
    time_flags       Array(LowCardinality(String)) COMMENT 'What the time rules did',
    revenue          Nullable(Decimal(38, 9)) COMMENT 'Revenue in currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217',
    properties       String CODEC(ZSTD(1))  COMMENT 'JSON text of the properties (traits for identify and group)',
    context          String CODEC(ZSTD(1))  COMMENT 'JSON text of the context',
    dialect          LowCardinality(String) COMMENT 'Family of the client protocol',
    sdk_name         LowCardinality(String) COMMENT 'context.library.name',
    sdk_version      LowCardinality(String) COMMENT 'context.library.version',
    ip_prefix        LowCardinality(String) COMMENT 'Network of the device: /24 or /48',
    ip_hash          String                 COMMENT 'Keyed hash of the address of the device',
    user_agent       LowCardinality(String) COMMENT 'User agent of the device',
    topic_id         LowCardinality(String) COMMENT 'Coordinates: topic',
    partition        UInt32                 COMMENT 'Coordinates: partition',
    offset           UInt64                 COMMENT 'Coordinates: offset',
    frame_index      UInt16                 COMMENT 'Coordinates: request within the record',
    item_index       UInt32                 COMMENT 'Coordinates: item within the request',
    landing_seq      UInt64                 COMMENT 'Sequence number of the landed range',
    key_hash         UInt64 MATERIALIZED cityHash64(app_id, message_id) COMMENT 'Finds copies of an event',
    INDEX occurred occurred_at TYPE minmax GRANULARITY 1,
    INDEX landed landing_seq TYPE minmax GRANULARITY 1
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(received_at)
ORDER BY (app_id, event_name, device_key, occurred_at, message_id)
SETTINGS {{dedup_window}}
COMMENT 'One row per (app_id, message_id): the first received copy';

CREATE TABLE IF NOT EXISTS clean.touches {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    touch_id         String                 COMMENT 'Hash that is equal for copies of one touch',
    touch_type       LowCardinality(String) COMMENT 'click or impression',
    media_source     LowCardinality(String) COMMENT 'Ad network or owned channel',
    campaign         LowCardinality(String) COMMENT 'Campaign name',
    campaign_id      LowCardinality(String) COMMENT 'Campaign id',
    adset            LowCardinality(String) COMMENT 'Ad set name',
    adset_id         LowCardinality(String) COMMENT 'Ad set id',
    ad               LowCardinality(String) COMMENT 'Ad name',
    ad_id            LowCardinality(String) COMMENT 'Ad id',
    site_id          LowCardinality(String) COMMENT 'Publisher',
    sub_site_id      LowCardinality(String) COMMENT 'Sub-publisher',
    click_id         String                 COMMENT 'Click id of the network; case kept; empty when unusable',
    touch_at         DateTime64(3, 'UTC')   COMMENT 'When the touch happened',
    received_at      DateTime64(3, 'UTC')   COMMENT 'When the collector received it',
    time_flags       Array(LowCardinality(String)) COMMENT 'What the time and id rules did',
    idfa             String                 COMMENT 'Advertising id, iOS; lower case',
    idfv             String                 COMMENT 'Vendor id, iOS; lower case',
    gaid             String                 COMMENT 'Advertising id, Android; lower case',
    android_id       String                 COMMENT 'Android id; lower case',
    user_id          String                 COMMENT 'Id of the signed-in user',
    ip_prefix        LowCardinality(String) COMMENT 'Network of the device: /24 or /48',
    ip_hash          String                 COMMENT 'Keyed hash of the address of the device',
    user_agent       LowCardinality(String) COMMENT 'User agent of the device',
    cost_model       LowCardinality(String) COMMENT 'cpc, cpm, cpi, ...',
    cost_value       Nullable(Decimal(38, 9)) COMMENT 'Cost in cost_currency',
    cost_currency    LowCardinality(String) COMMENT 'ISO 4217',
    is_retargeting   Bool                   COMMENT 'The touch belongs to a retargeting campaign',
    params           Map(String, String)    COMMENT 'Everything else the network sent',
    dialect          LowCardinality(String) COMMENT 'Family of the client protocol',
    topic_id         LowCardinality(String) COMMENT 'Coordinates: topic',
    partition        UInt32                 COMMENT 'Coordinates: partition',
    offset           UInt64                 COMMENT 'Coordinates: offset',
    frame_index      UInt16                 COMMENT 'Coordinates: request within the record',
    item_index       UInt32                 COMMENT 'Coordinates: item within the request',
    landing_seq      UInt64                 COMMENT 'Sequence number of the landed range',
    key_hash         UInt64 MATERIALIZED cityHash64(app_id, touch_id) COMMENT 'Finds copies of a touch',
    INDEX touch_time touch_at TYPE minmax GRANULARITY 1,
    INDEX landed landing_seq TYPE minmax GRANULARITY 1
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(received_at)
ORDER BY (app_id, touch_at, touch_id)
SETTINGS {{dedup_window}}
COMMENT 'One row per (app_id, touch_id): the first received copy';

CREATE TABLE IF NOT EXISTS clean.failed {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App; empty when unknown',
    code             LowCardinality(String) COMMENT 'Rejection code',
    path             String                 COMMENT 'JSON path of the fault, or the request path',
    detail           String                 COMMENT 'What was wrong, in words',
    level            LowCardinality(String) COMMENT 'request or item',
    bytes            String CODEC(ZSTD(1))  COMMENT 'The bytes that could not be used',
    received_at      DateTime64(3, 'UTC')   COMMENT 'When the collector received it',
    topic            LowCardinality(String) COMMENT 'Coordinates: topic name',
    topic_id         LowCardinality(String) COMMENT 'Coordinates: topic',
    partition        UInt32                 COMMENT 'Coordinates: partition',
    offset           UInt64                 COMMENT 'Coordinates: offset',
    frame_index      UInt16                 COMMENT 'Coordinates: request within the record',
    item_index       UInt32                 COMMENT 'Coordinates: item within the request; 0 at request level',
    landing_seq      UInt64                 COMMENT 'Sequence number of the landed range',
    INDEX landed landing_seq TYPE minmax GRANULARITY 1
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(received_at)
ORDER BY (app_id, code, received_at, topic_id, partition, offset, frame_index, item_index)
SETTINGS {{dedup_window}}
COMMENT 'One row per refused item or request, with its bytes';

CREATE TABLE IF NOT EXISTS clean.duplicates {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    kind             LowCardinality(String) COMMENT 'event or touch',
    message_id       String                 COMMENT 'message_id or touch_id of both',
    received_at      DateTime64(3, 'UTC')   COMMENT 'When the copy was received',
    topic_id         LowCardinality(String) COMMENT 'Coordinates of the copy: topic',
    partition        UInt32                 COMMENT 'Coordinates of the copy: partition',
    offset           UInt64                 COMMENT 'Coordinates of the copy: offset',
    frame_index      UInt16                 COMMENT 'Coordinates of the copy: request within the record',
    item_index       UInt32                 COMMENT 'Coordinates of the copy: item within the request',
    kept_received_at DateTime64(3, 'UTC')   COMMENT 'When the row that stayed was received',
    kept_topic_id    LowCardinality(String) COMMENT 'Coordinates of the row that stayed: topic',
    kept_partition   UInt32                 COMMENT 'Coordinates of the row that stayed: partition',
    kept_offset      UInt64                 COMMENT 'Coordinates of the row that stayed: offset',
    kept_frame_index UInt16                 COMMENT 'Coordinates of the row that stayed: request within the record',
    kept_item_index  UInt32                 COMMENT 'Coordinates of the row that stayed: item within the request',
    landing_seq      UInt64                 COMMENT 'Sequence number of the landed range',
    INDEX landed landing_seq TYPE minmax GRANULARITY 1
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(received_at)
ORDER BY (app_id, kind, message_id, received_at)
SETTINGS {{dedup_window}}
COMMENT 'One row per dropped copy, with the coordinates of the row that stayed';
