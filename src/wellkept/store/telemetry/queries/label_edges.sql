-- Scores of a version, drawn by the hash of their ids: so many of the positives, and so many of the others.
SELECT p.score AS score, l.known = 1 AND l.value > 0 AND {kind:String} = 'positive' AS positive
FROM
(
    SELECT if(attributes['shadow_of'] = '', id, attributes['shadow_of']) AS label_id, score
    FROM predictions FINAL
    WHERE model = {model:String} AND version = {version:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND cityHash64(if(attributes['shadow_of'] = '', id, attributes['shadow_of'])) % {one_in:UInt64} = 0
        AND isFinite(score)
) AS p
LEFT JOIN
(
    SELECT prediction_id, argMax(value, time) AS value, 1 AS known
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
        AND time >= fromUnixTimestamp64Milli({start:Int64})
        AND cityHash64(prediction_id) % {one_in:UInt64} = 0
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.label_id
ORDER BY cityHash64(p.label_id)
LIMIT {limit:UInt64} BY positive
