-- Each node with the name of its component: its own, where staging.{labels} does not say another.
INSERT INTO staging.{placed:Identifier} (app_id, node, component_key, cut, is_device_key)
SELECT
    n.app_id,
    n.node,
    if(l.number = 0, n.node, m.node),
    l.cut,
    n.is_device_key
FROM staging.{nodes:Identifier} AS n
LEFT JOIN staging.{labels:Identifier} AS l ON n.number = l.number
LEFT JOIN staging.{nodes:Identifier} AS m ON l.name = m.number
