CREATE TABLE IF NOT EXISTS mart.fraud_publisher_days {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset that credited the installs',
    day              Date                   COMMENT 'UTC day of the installs, clicks and impressions',
    app_id           LowCardinality(String) COMMENT 'App',
    media_source     LowCardinality(String) COMMENT 'Ad network or owned channel',
    site_id          LowCardinality(String) COMMENT 'Publisher',
    install_count    UInt64                 COMMENT 'Installs of the day credited to the publisher',
    ctit_count       UInt64                 COMMENT 'Of these, won by a click whose time is known',
    ctit_bins        Map(UInt8, UInt64)     COMMENT 'Click to install times: installs by floor(4 log2 milliseconds), at most 127',
    log_ctit_sum     Float64                COMMENT 'Sum of log10 of the click to install time in milliseconds (at least 1)',
    click_count      UInt64                 COMMENT 'Clicks of the day, whether or not they led to anything',
    impression_count UInt64                 COMMENT 'Impressions of the day',
    new_device_count UInt64                 COMMENT 'Of the installs, those of devices without an earlier install in any app',
    cohort_count     UInt64                 COMMENT 'Installs credited to the publisher two days before the day',
    returned_count   UInt64                 COMMENT 'Of these, with an event 24 to 48 hours after the install'
)
ENGINE = {{merge_tree}}
PARTITION BY (ruleset_id, day)
ORDER BY (app_id, media_source, site_id)
COMMENT 'One row per (ruleset, day, app, media source, site): what a publisher did on a day';

CREATE TABLE IF NOT EXISTS audit.fraud_baselines {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset that credited the installs',
    day              Date                   COMMENT 'UTC day that is judged against this',
    app_id           LowCardinality(String) COMMENT 'App',
    scope            LowCardinality(String) COMMENT 'publisher, or app for what holds for the app as a whole',
    media_source     LowCardinality(String) COMMENT 'Ad network or owned channel; empty for the app',
    site_id          LowCardinality(String) COMMENT 'Publisher; empty for the app',
    first_day        Date                   COMMENT 'First complete day it is made of',
    last_day         Date                   COMMENT 'Last complete day it is made of: the day before',
    install_count    UInt64                 COMMENT 'Credited installs',
    ctit_count       UInt64                 COMMENT 'Of these, won by a click whose time is known',
    ctit_bins        Map(UInt8, UInt64)     COMMENT 'Click to install times: installs by floor(4 log2 milliseconds)',
    log_ctit_sum     Float64                COMMENT 'Sum of log10 of the click to install time in milliseconds',
    click_count      UInt64                 COMMENT 'Clicks',
    new_device_count UInt64                 COMMENT 'Installs of devices without an earlier install in any app',
    cohort_count     UInt64                 COMMENT 'Installs whose return is known',
    returned_count   UInt64                 COMMENT 'Of these, with an event 24 to 48 hours after the install',
    network_quantiles Map(Float64, Float64) COMMENT 'App: quantiles of its installs per network (/24, /48) and day, by probability',
    baseline_id      String                 COMMENT 'Hash of all rows of the app and day',
    frozen_at        DateTime64(3, 'UTC')   COMMENT 'When it was frozen'
)
ENGINE = {{merge_tree}}
PARTITION BY (ruleset_id, day)
ORDER BY (app_id, scope, media_source, site_id)
COMMENT 'One row per (ruleset, day, app, publisher): what the days before looked like, frozen';

CREATE TABLE IF NOT EXISTS mart.fraud_verdicts {{on_cluster}}
(
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset whose rule fired',
    day              Date                   COMMENT 'UTC day of the install, or last day of what was looked at',
    scope            LowCardinality(String) COMMENT 'publisher or install',
    app_id           LowCardinality(String) COMMENT 'App',
    media_source     LowCardinality(String) COMMENT 'Publisher, or the source the install is credited to',
    site_id          LowCardinality(String) COMMENT 'Publisher, or the site the install is credited to',
    install_id       String                 COMMENT 'Install; empty for a publisher',
    rule             LowCardinality(String) COMMENT 'Code of the rule',
    rule_version     UInt32                 COMMENT 'Version of the rule',
    mode             LowCardinality(String) COMMENT 'shadow or flag',
    parameter        LowCardinality(String) COMMENT 'Threshold that was crossed',
    value            Float64                COMMENT 'What was measured, in the unit of the threshold',
    threshold        Float64                COMMENT 'What it was compared with',
    sample_count     UInt64                 COMMENT 'Installs (or clicks) the value rests on',
    baseline_value   Nullable(Float64)      COMMENT 'The measure of the others in the baseline; of click_flood.flat_ctit the q-value',
    baseline_id      String                 COMMENT 'Baseline it was compared with; empty for none',
    sentence         String                 COMMENT 'The verdict in plain words',
    config_hash      String                 COMMENT 'Hash of the ruleset'
)
ENGINE = {{merge_tree}}
PARTITION BY (ruleset_id, day)
ORDER BY (app_id, scope, media_source, site_id, rule, install_id, mode)
COMMENT 'One row per (ruleset, day, rule, mode, publisher or install): a fraud rule fired after the decision';
