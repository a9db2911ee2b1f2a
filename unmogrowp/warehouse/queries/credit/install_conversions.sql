-- Installs of {day} that are conversions, with the ids that touches can share with them.
SELECT
    app_id,
    install_id,
    installed_at,
    toDecimal128(0, 9),
    device_key, click_id, device_id, idfa, idfv, gaid, android_id, user_id
FROM mart.installs
WHERE toDate(installed_at) = {day:Date}
  AND has({install_kinds:Array(String)}, install_kind)
