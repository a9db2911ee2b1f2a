CREATE TABLE IF NOT EXISTS staging.items {{on_cluster}}
(
    app_id             LowCardinality(String) COMMENT 'App',
    message_id         String                 COMMENT 'Id the client gave, or a hash of request and index',
    event_type         LowCardinality(String) COMMENT 'track, identify, page, screen, group, alias',
    event              LowCardinality(String) COMMENT 'Field event of the item',
    anonymous_id       String                 COMMENT 'Anonymous id',
    user_id            String                 COMMENT 'Id of the signed-in user',
    client_text        String                 COMMENT 'Client time as given, not read yet',
    sent_text          String                 COMMENT 'sentAt of the item, not read yet',
    request_sent_text  LowCardinality(String) COMMENT 'sentAt of the batch, not read yet',
    brings_received_at Bool                   COMMENT 'The item has a receivedAt of its own',
    channel            LowCardinality(String) COMMENT 'Field channel of the item',
    properties         String                 COMMENT 'JSON text of the properties (traits for identify and group)',
    context            String                 COMMENT 'JSON text of the context, that of the batch merged in',
    dialect            LowCardinality(String) COMMENT 'Family of the client protocol',
    received_at        DateTime64(3, 'UTC')   COMMENT 'When the collector received it',
    ip_prefix          LowCardinality(String) COMMENT 'Network of the sender',
    ip_hash            String                 COMMENT 'Keyed hash of the address of the sender',
    user_agent         LowCardinality(String) COMMENT 'User agent of the sender',
    topic_id           LowCardinality(String) COMMENT 'Coordinates: topic',
    partition          UInt32                 COMMENT 'Coordinates: partition',
    offset             UInt64                 COMMENT 'Coordinates: offset',
    frame_index        UInt16                 COMMENT 'Coordinates: request within the record',
    item_index         UInt32                 COMMENT 'Coordinates: item within the request',
    landing_seq        UInt64                 COMMENT 'Sequence number of the landed range'
)
ENGINE = Memory
COMMENT 'Items of the range being landed, cut out of their requests but not typed yet';
