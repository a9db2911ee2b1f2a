-- Published installs of the devices in staging.{devices} that come out otherwise now: staging.{kept}
-- holds their installs as they are numbered with the new components.
INSERT INTO audit.restatements
    (build_id, app_id, day, install_id, source_message_id, from_component, from_ordinal,
     to_component, to_ordinal, reason, joined_by, recorded_at)
WITH
    published AS
    (
        SELECT
            app_id, device_key, ordinal, install_id, installed_at, source_message_id,
            since_previous_ms, is_implied
        FROM mart.installs
        WHERE (app_id, device_key) IN (
            SELECT app_id, component_key FROM staging.{devices:Identifier}
            UNION DISTINCT
            SELECT app_id, from_component FROM staging.{devices:Identifier})
    ),
    merged AS
    (
        SELECT app_id, component_key
        FROM staging.{devices:Identifier}
        GROUP BY app_id, component_key
        HAVING uniqExact(from_component) > 1
    ),
    divided AS
    (
        SELECT app_id, from_component
        FROM staging.{devices:Identifier}
        GROUP BY app_id, from_component
        HAVING uniqExact(component_key) > 1
    ),
    -- Identifiers that were seen with devices of several components and are in the new one.
    bridges AS
    (
        SELECT d.app_id AS app_id, d.component_key AS component_key,
               arraySort(groupUniqArray(l.kind)) AS kinds
        FROM
        (
            SELECT app_id, node, other, kind
            FROM clean.identity_links FINAL
            WHERE side = 'device' AND kind NOT IN ('user_id', 'hashed_email')
              AND (app_id, node) IN (SELECT app_id, device_key FROM staging.{devices:Identifier})
        ) AS l
        INNER JOIN staging.{devices:Identifier} AS d ON l.app_id = d.app_id AND l.node = d.device_key
        INNER JOIN staging.{placed:Identifier} AS p ON l.app_id = p.app_id AND l.other = p.node
        WHERE p.component_key = d.component_key
          AND (d.app_id, d.component_key, l.other) IN
          (
              SELECT d.app_id, d.component_key, l.other
              FROM clean.identity_links AS l FINAL
              INNER JOIN staging.{devices:Identifier} AS d
                  ON l.app_id = d.app_id AND l.node = d.device_key
              WHERE l.side = 'device' AND l.kind NOT IN ('user_id', 'hashed_email')
                AND (l.app_id, l.node) IN (SELECT app_id, device_key FROM staging.{devices:Identifier})
              GROUP BY d.app_id, d.component_key, l.other
              HAVING uniqExact(d.from_component) > 1
          )
        GROUP BY d.app_id, d.component_key
    )
SELECT
    {build_id:UInt64},
    i.app_id,
    toDate(i.installed_at),
    i.install_id,
    i.source_message_id,
    i.device_key,
    i.ordinal,
    k.device_key,
    k.ordinal,
    multiIf(
        k.device_key = i.device_key, 'renumbered',
        k.device_key = '', if((i.app_id, i.device_key) IN (SELECT * FROM divided), 'split', 'merged'),
        (k.app_id, k.device_key) IN (SELECT * FROM merged), 'merged',
        'split'),
    b.kinds,
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM published AS i
LEFT JOIN staging.{kept:Identifier} AS k
    ON i.app_id = k.app_id AND i.source_message_id = k.message_id
    AND toUnixTimestamp64Milli(i.installed_at) = k.installed_ms
LEFT JOIN bridges AS b ON k.app_id = b.app_id AND k.device_key = b.component_key
WHERE k.device_key != i.device_key
   OR k.ordinal != i.ordinal
   OR k.is_implied != i.is_implied
   OR ifNull(k.since_previous_ms, -1) != ifNull(i.since_previous_ms, -1)
ORDER BY ALL
