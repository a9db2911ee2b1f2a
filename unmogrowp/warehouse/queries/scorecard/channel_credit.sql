-- Installs credited per model, day and channel, of one definition of journeys.
SELECT
    substring(model_id, length({journey_id:String}) + 2) AS model,
    toString(day) AS day,
    toString(channel) AS channel,
    sum(toFloat64(conversions)) AS credit
FROM mart.channel_credit
WHERE app_id = {app_id:String} AND startsWith(model_id, concat({journey_id:String}, '.'))
GROUP BY model, day, channel
ORDER BY model, day, channel
