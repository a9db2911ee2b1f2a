CREATE TABLE IF NOT EXISTS clean.identity_links {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    node             String                 COMMENT 'The end by which the row is found: the device key, or the identifier',
    side             LowCardinality(String) COMMENT 'device: node is the device key and other the identifier; identifier: the other way round',
    kind             LowCardinality(String) COMMENT 'Kind of the identifier: idfv, android_id, device_id, idfa, gaid, anonymous_id, oaid, amazon_id, install_id join; user_id, hashed_email attach',
    other            String                 COMMENT 'The other end; equal to node where a device key is an identifier itself',
    first_seen_at    DateTime64(3, 'UTC')   COMMENT 'Earliest received_at of an event that carries both',
    build_id         UInt64                 COMMENT 'Build that wrote this version of the row',
    is_deleted       UInt8                  COMMENT '1: the link is gone, no event carries both any more',
    INDEX built build_id TYPE minmax GRANULARITY 1
)
ENGINE = {{replacing_merge_tree(build_id, is_deleted)}}
ORDER BY (app_id, node, side, kind, other)
SETTINGS index_granularity = 1024
COMMENT 'One row per (app, device key, identifier) and end it is found by, newest version; read with FINAL';

CREATE TABLE IF NOT EXISTS clean.identities {{on_cluster}}
(
    app_id           LowCardinality(String) COMMENT 'App',
    identifier       String                 COMMENT 'Normalised identifier; of e-mail only the hash',
    kind             LowCardinality(String) COMMENT 'idfv, android_id, device_id, idfa, gaid, anonymous_id, oaid, amazon_id, install_id, user_id, hashed_email',
    component_key    String                 COMMENT 'Name of the component: its identifier that was first received',
    role             LowCardinality(String) COMMENT 'joined: the identifier is in this component alone; attached: a user id or e-mail seen with it; shared: an identifier that was cut, seen with it',
    cut              LowCardinality(String) COMMENT 'Why the identifier connects nothing: too_many_neighbours or too_large_component; empty for all others',
    first_seen_at    DateTime64(3, 'UTC')   COMMENT 'Earliest received_at of the identifier in this component',
    device_keys      Array(String)          COMMENT 'On the row of the name: device keys of clean.events in the component, unless the name is the only one',
    build_id         UInt64                 COMMENT 'Build that wrote this version of the row',
    is_deleted       UInt8                  COMMENT '1: the row is gone, the component has another name or lost the identifier'
)
ENGINE = {{replacing_merge_tree(build_id, is_deleted)}}
ORDER BY (app_id, identifier, kind, component_key)
SETTINGS index_granularity = 1024
COMMENT 'One row per (app, component, identifier), newest version; read with FINAL';

CREATE TABLE IF NOT EXISTS audit.identity_builds {{on_cluster}}
(
    build_id         UInt64                 COMMENT 'Number of the build, from 1',
    state            LowCardinality(String) COMMENT 'planned or built',
    is_full          Bool                   COMMENT 'Everything was read anew, not only what landed since the last build',
    after_seq        UInt64                 COMMENT 'Ranges up to this landing_seq were read by earlier builds',
    through_seq      UInt64                 COMMENT 'Ranges up to this landing_seq are read by this one',
    component_limit  UInt32                 COMMENT 'Greatest number of identifiers of a component',
    link_count       UInt64                 COMMENT 'Links that came, went or were seen earlier than known',
    node_count       UInt64                 COMMENT 'Identifiers that were stitched again',
    row_count        UInt64                 COMMENT 'Rows of clean.identities that came, went or changed',
    moved_count      UInt64                 COMMENT 'Device keys whose component has another name now',
    cut_count        UInt64                 COMMENT 'Identifiers among the stitched that connect nothing',
    touched_days     UInt64                 COMMENT 'Days of installs that are due because of this build',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written'
)
ENGINE = {{merge_tree}}
ORDER BY (build_id, state)
COMMENT 'One row per (build of identities, state)';

CREATE TABLE IF NOT EXISTS audit.identity_cuts {{on_cluster}}
(
    build_id         UInt64                 COMMENT 'Build that found it',
    app_id           LowCardinality(String) COMMENT 'App',
    identifier       String                 COMMENT 'Identifier that connects nothing from here on',
    kind             LowCardinality(String) COMMENT 'Kind of the identifier',
    reason           LowCardinality(String) COMMENT 'too_many_neighbours, too_large_component',
    neighbour_count  UInt64                 COMMENT 'Identifiers seen with it; of a component that was too large, those in it',
    component_size   UInt64                 COMMENT 'Identifiers of the component that was cut; 0 where the neighbours alone were too many',
    component_limit  UInt32                 COMMENT 'Greatest number that was allowed',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written'
)
ENGINE = {{merge_tree}}
ORDER BY (app_id, identifier, build_id)
COMMENT 'One row per (build, identifier that was cut for being shared by too many)';

CREATE TABLE IF NOT EXISTS audit.restatements {{on_cluster}}
(
    build_id         UInt64                 COMMENT 'Build of identities that restated the install',
    app_id           LowCardinality(String) COMMENT 'App',
    day              Date                   COMMENT 'Day of the install',
    install_id       String                 COMMENT 'Install as it was published',
    source_message_id String                COMMENT 'message_id of its event',
    from_component   String                 COMMENT 'device_key under which it was published',
    from_ordinal     UInt32                 COMMENT 'Number under which it was published',
    to_component     String                 COMMENT 'device_key it has now; empty: it is no install of its own any more',
    to_ordinal       UInt32                 COMMENT 'Number it has now; 0: none',
    reason           LowCardinality(String) COMMENT 'merged, split or renumbered',
    joined_by        Array(LowCardinality(String)) COMMENT 'Kinds of the identifiers that hold together what was apart',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written'
)
ENGINE = {{merge_tree}}
ORDER BY (app_id, day, install_id, build_id)
SETTINGS {{dedup_window}}
COMMENT 'One row per (build of identities, published install that it restated)';

CREATE TABLE IF NOT EXISTS audit.rebuilt_devices {{on_cluster}}
(
    landing_seq      UInt64                 COMMENT 'Number of the rebuild of a day of the clean tables',
    app_id           LowCardinality(String) COMMENT 'App',
    device_key       String                 COMMENT 'Device key of rows that came or went',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written'
)
ENGINE = {{merge_tree}}
ORDER BY (landing_seq, app_id, device_key)
COMMENT 'One row per (rebuild, device whose events changed): its links are read anew'
