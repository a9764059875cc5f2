-- Slots with predictions that came after a block, or that lie behind what was looked at then.
SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS step
FROM predictions
WHERE model = {model:String} AND version = {version:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    AND (_block_number > {block:UInt64} OR time >= fromUnixTimestamp64Milli({until:Int64}))
ORDER BY step
