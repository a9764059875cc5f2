SELECT series, time, value
FROM metric_points
WHERE time > fromUnixTimestamp64Milli({since:Int64}) AND time <= fromUnixTimestamp64Milli({until:Int64})
    AND series IN {series:Array(UInt64)}
