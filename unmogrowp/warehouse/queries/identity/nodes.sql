-- Nodes that the links in staging.{near} are found by, with what orders them as names: when they
-- were first received, then their kind (as an event chooses its device key), then their text.
-- `number` is a hash and stands for (app_id, node); {salt} is another one where two are equal.
INSERT INTO staging.{nodes:Identifier}
    (number, app_id, node, first_seen_at, naming_rank, is_device_key, neighbour_count)
SELECT
    sipHash64Keyed(({salt:UInt64}, toUInt64(0)), app_id, node),
    app_id,
    node,
    min(first_seen_at),
    minIf(
        multiIf(kind IN ('idfv', 'android_id', 'device_id'), 1, kind IN ('idfa', 'gaid'), 2,
                kind = 'anonymous_id', 3, kind IN ('oaid', 'amazon_id', 'install_id'), 4, 5),
        side = 'identifier' OR other = node AND kind NOT IN ('user_id', 'hashed_email')),
    countIf(side = 'device') > 0,
    uniqExactIf(other, other != node AND kind NOT IN ('user_id', 'hashed_email'))
FROM staging.{near:Identifier}
GROUP BY app_id, node
