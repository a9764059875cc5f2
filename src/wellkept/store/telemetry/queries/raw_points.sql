-- Points as they came, by time; a point that came twice is one.
SELECT series, toUnixTimestamp64Milli(time) * 1000000 AS at, any(value) AS value
FROM metric_points
WHERE time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
GROUP BY series, time
ORDER BY at, series
