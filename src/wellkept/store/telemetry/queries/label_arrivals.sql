-- Labels of a model by when they came, slice by slice: how many, of how many predictions, how many of them had been
-- labelled otherwise before, were known before the prediction was made, or will be known later than they came.
SELECT
    toUInt32(intDiv(came - {start:Int64}, {step:Int64})) AS slice,
    count() AS labels,
    uniqExact(l.prediction_id) AS predictions,
    countIf(known > 1) AS again,
    countIf(differing > 1) AS contradictory,
    countIf(made > 0 AND at < made - {tolerance:Int64}) AS early,
    countIf(at > came + {tolerance:Int64}) AS ahead
FROM
(
    SELECT prediction_id, toUnixTimestamp64Milli(time) AS at, toUnixTimestamp64Milli(received) AS came
    FROM labels
    WHERE model = {model:String} AND received >= fromUnixTimestamp64Milli({start:Int64})
        AND received < fromUnixTimestamp64Milli({end:Int64}) AND cityHash64(prediction_id) % {part:UInt64} = 0
) AS l
ANY LEFT JOIN
(
    SELECT prediction_id AS known_id, count() AS known, uniqExact(value) AS differing
    FROM (SELECT DISTINCT prediction_id, time, value FROM labels WHERE model = {model:String})
    WHERE cityHash64(prediction_id) % {part:UInt64} = 0
    GROUP BY known_id
) AS k ON k.known_id = l.prediction_id
ANY LEFT JOIN
(
    SELECT id AS made_id, toUnixTimestamp64Milli(time) AS made
    FROM prediction_ids
    WHERE cityHash64(id) % {part:UInt64} = 0 AND id IN
    (
        SELECT prediction_id FROM labels
        WHERE model = {model:String} AND received >= fromUnixTimestamp64Milli({start:Int64})
            AND received < fromUnixTimestamp64Milli({end:Int64})
    )
) AS p ON p.made_id = l.prediction_id
GROUP BY slice
ORDER BY slice
