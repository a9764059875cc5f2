-- Predictions of a model by when they were made, slice by slice: how many, and how many had their label within a delay.
SELECT
    toUInt32(intDiv(made - {start:Int64}, {step:Int64})) AS slice,
    count() AS predictions,
    countIf(came > 0 AND came <= made + {delay:Int64}) AS labelled
FROM
(
    SELECT id, toUnixTimestamp64Milli(any(time)) AS made
    FROM predictions
    WHERE model = {model:String} AND attributes['shadow_of'] = ''
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND cityHash64(id) % {part:UInt64} = 0
    GROUP BY id
) AS p
LEFT JOIN
(
    SELECT prediction_id, toUnixTimestamp64Milli(min(received)) AS came
    FROM labels
    WHERE model = {model:String} AND cityHash64(prediction_id) % {part:UInt64} = 0
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.id
GROUP BY slice
ORDER BY slice
