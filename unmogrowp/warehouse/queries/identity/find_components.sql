-- Components of {app_id} that have an identifier of {identifiers}, the one at the same place of
-- {kinds} being its kind: joined, attached, or shared.
SELECT DISTINCT component_key
FROM clean.identities FINAL
WHERE app_id = {app_id:String} AND identifier IN {identifiers:Array(String)}
  AND arrayExists((a, b) -> a = kind AND b = identifier,
                  {kinds:Array(String)}, {identifiers:Array(String)})
ORDER BY component_key
LIMIT {limit:UInt32}
