-- Contract of staged rows of clean.identities: one row per sentence with the rows that break it. Keys
-- are compared as hashes of 128 bits: that is exact enough, and small enough for everything there is.
SELECT
    ['identifiers_are_in_a_component_once', 'identifiers_are_joined_to_one_component',
     'components_are_named_by_one_of_their_identifiers', 'identifiers_are_given',
     'components_are_not_too_large'] AS sentences,
    [
        (SELECT sum(copies - 1) FROM (
            SELECT count() AS copies FROM staging.{staging:Identifier}
            GROUP BY sipHash128(app_id, identifier, kind, component_key) HAVING copies > 1)),
        (SELECT count() FROM (
            SELECT 1 FROM staging.{staging:Identifier} WHERE role = 'joined'
            GROUP BY sipHash128(app_id, identifier)
            HAVING min(component_key) != max(component_key))),
        (SELECT countIf(is_named = 0) FROM (
            SELECT max(role = 'joined' AND identifier = component_key) AS is_named
            FROM staging.{staging:Identifier}
            GROUP BY sipHash128(app_id, component_key))),
        countIf(app_id = '' OR identifier = '' OR component_key = ''),
        (SELECT count() FROM (
            SELECT 1 FROM
            (
                -- An identifier of several kinds is one.
                SELECT any(sipHash128(app_id, component_key)) AS component
                FROM staging.{staging:Identifier} WHERE role = 'joined'
                GROUP BY sipHash128(app_id, component_key, identifier)
            )
            GROUP BY component HAVING count() > {limit:UInt32}))
    ] AS broken
FROM staging.{staging:Identifier}
