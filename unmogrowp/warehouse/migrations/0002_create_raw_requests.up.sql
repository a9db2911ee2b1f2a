CREATE TABLE IF NOT EXISTS raw.requests {{on_cluster}}
(
    topic            LowCardinality(String) COMMENT 'Stream topic',
    topic_id         LowCardinality(String) COMMENT 'UUID of the topic: a topic created anew has another one',
    partition        UInt32                 COMMENT 'Stream partition',
    offset           UInt64                 COMMENT 'Stream offset',
    frame_index      UInt16                 COMMENT 'Request within the record; 0 in contract version 1',
    received_at      DateTime64(3, 'UTC')   COMMENT 'When the collector received the first delivery',
    version          UInt16                 COMMENT 'Contract version of the record',
    dialect          LowCardinality(String) COMMENT 'Family of the client protocol',
    path             LowCardinality(String) COMMENT 'Canonical request path',
    app_id           LowCardinality(String) COMMENT 'App; empty when unknown (dead letters)',
    key_id           LowCardinality(String) COMMENT 'Write key the request was authenticated with',
    request_id       String                 COMMENT 'Unique id the collector gave the request',
    item_count       UInt32                 COMMENT 'Items in the body, refused ones included',
    rejected         Array(Tuple(item_index UInt32, code LowCardinality(String))) COMMENT 'Items the collector refused',
    encoding         LowCardinality(String) COMMENT 'Content-Encoding as received',
    wire_bytes       UInt32                 COMMENT 'Bytes of the body as received',
    ip_prefix        LowCardinality(String) COMMENT 'Network of the sender: /24 or /48',
    ip_hash          String                 COMMENT 'BLAKE2b of the address, keyed with the secret of the app',
    user_agent       LowCardinality(String) COMMENT 'User-Agent as received',
    redacted         Bool                   COMMENT 'The collector replaced addresses in the body',
    code             LowCardinality(String) COMMENT 'Dead letters: rejection code',
    detail           String                 COMMENT 'Dead letters: what was wrong',
    body             String CODEC(ZSTD(1))  COMMENT 'Canonical JSON, or the bytes as received (dead letters)',
    original         String CODEC(ZSTD(1))  COMMENT 'Bytes as received where the body is a translation',
    landing_seq      UInt64                 COMMENT 'Sequence number of the landed range'
)
ENGINE = {{merge_tree}}
PARTITION BY toDate(received_at)
ORDER BY (topic, topic_id, partition, offset, frame_index)
SETTINGS index_granularity_bytes = 1048576, {{dedup_window}}
COMMENT 'One row per request: coordinates, headers, bytes as received';
