-- Scores of a version with what turned out to be true, by the time of the prediction. Of several labels the newest counts.
-- What a version said that was only tried is judged by the truth of the answer that was given.
SELECT toUnixTimestamp64Milli(p.time) / 1000 AS at, p.score AS score, l.label AS label,
    toFloat64OrNull(p.lower) AS lower, toFloat64OrNull(p.upper) AS upper
FROM
(
    SELECT if(attributes['shadow_of'] = '', id, attributes['shadow_of']) AS id, time, score,
        attributes['lower'] AS lower, attributes['upper'] AS upper
    FROM predictions FINAL
    WHERE model = {model:String} AND version = {version:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
) AS p
INNER JOIN
(
    SELECT prediction_id, argMax(value, time) AS label
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.id
ORDER BY at, p.id
