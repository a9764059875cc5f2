-- Slots with predictions that came after what a sketch knows of; one that there is not knows of nothing.
SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS step
FROM predictions
WHERE model = {model:String} AND version = {version:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    AND toInt64(_block_number) > {known:Array(Int64)}[step + 1]
ORDER BY step
