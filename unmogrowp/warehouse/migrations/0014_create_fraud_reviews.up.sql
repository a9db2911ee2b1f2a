CREATE TABLE IF NOT EXISTS audit.fraud_reviews {{on_cluster}}
(
    review_id        String                 COMMENT 'Publisher and rule: hash of ruleset, app, media source, site and rule',
    decision_number  UInt32                 COMMENT 'Number of the decision about them, from 1; the highest counts',
    action           LowCardinality(String) COMMENT 'confirm (it is fraud), dismiss (it is not), undo (open again)',
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset whose rule had found it',
    app_id           LowCardinality(String) COMMENT 'App',
    media_source     LowCardinality(String) COMMENT 'Ad network',
    site_id          LowCardinality(String) COMMENT 'Publisher',
    rule             LowCardinality(String) COMMENT 'Rule that had found it',
    first_day        Date                   COMMENT 'First UTC day of installs the decision is about',
    last_day         Date                   COMMENT 'Last UTC day of installs the decision is about',
    value            Float64                COMMENT 'What the rule had measured last',
    threshold        Float64                COMMENT 'What it had been compared with',
    baseline_id      String                 COMMENT 'Baseline it had been compared with',
    decided_at       DateTime64(3, 'UTC')   COMMENT 'When it was decided',
    decided_by       String                 COMMENT 'Who decided',
    reason           String                 COMMENT 'Why, in words'
)
ENGINE = {{merge_tree}}
ORDER BY (app_id, media_source, site_id, rule, review_id, decision_number)
SETTINGS {{dedup_window}}
COMMENT 'One row per decision of a person about a publisher that a fraud rule had flagged; rows are only added';

CREATE TABLE IF NOT EXISTS audit.anonymous_networks {{on_cluster}}
(
    list_name        LowCardinality(String) COMMENT 'List the network is from',
    kind             LowCardinality(String) COMMENT 'datacenter, vpn, proxy or tor',
    family           UInt8                  COMMENT '4 or 6',
    first_prefix     UInt64                 COMMENT 'First /24 (IPv6: /48) as a number: the address without its last 8 (80) bits',
    last_prefix      UInt64                 COMMENT 'Last one, included',
    covered          Float64                COMMENT 'Share of each prefix that the list covers, above 0 up to 1',
    loaded_at        DateTime64(3, 'UTC')   COMMENT 'When the list was loaded'
)
ENGINE = {{merge_tree}}
PARTITION BY list_name
ORDER BY (family, first_prefix)
COMMENT 'One row per range of prefixes of a list with one coverage; ranges of a list do not overlap';
