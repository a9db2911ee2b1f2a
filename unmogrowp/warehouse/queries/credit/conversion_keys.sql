-- Rows of staging.conversion_keys: every key by which a touch can match a conversion in
-- staging.{conversions}; ids of one component have one key.
WITH
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    (tag, id) -> if(id = '', '', concat(tag, id)) AS key_of,
    -- Whoever is stitched goes by the component, whichever of its ids a row carries.
    (app, key) -> if({knows_people:Bool}, joinGet({people:String}, 'person', app, key), '') AS known_as,
    (app, key) -> if(known_as(app, key) = '', key, known_as(app, key)) AS person_of
SELECT app_id, conversion_id, converted_at, key
FROM staging.{conversions:Identifier}
ARRAY JOIN arrayDistinct(arrayConcat(
    arrayFilter(k -> k != '', [
        key_of('c', if(click_id = '0', '', click_id)),
        key_of('u', real(user_id))
    ]),
    arrayMap(id -> person_of(app_id, concat('d', id)), arrayFilter(id -> id != '', [
        device_key, real(idfa), real(idfv), real(device_id), real(gaid), real(android_id)
    ]))
)) AS key
