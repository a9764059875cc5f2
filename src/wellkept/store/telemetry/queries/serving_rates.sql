-- Predictions of a model by slice, of all its versions.
SELECT toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slice, uniqExact(id) AS rows
FROM predictions
WHERE model = {model:String} AND attributes['shadow_of'] = ''
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
GROUP BY slice
ORDER BY slice
