-- The first predictions of a version in a span, by time, with what turned out to be true of them, where it is
-- known by the moment asked for.
SELECT toUnixTimestamp64Milli(p.time) / 1000 AS at, p.score AS score, p.features AS features, p.categories AS categories,
    if(l.prediction_id = '', NULL, l.value) AS label
FROM
(
    SELECT id, time, score, all_features AS features, categories
    FROM predictions
    WHERE model = {model:String} AND version = {version:String} AND attributes['shadow_of'] = ''
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    ORDER BY time, id
    LIMIT 1 BY id
    LIMIT {limit:UInt64}
) AS p
LEFT JOIN
(
    SELECT prediction_id, argMax(value, time) AS value
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.id
ORDER BY at, p.id
