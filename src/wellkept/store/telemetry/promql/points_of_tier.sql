-- What a tier holds up to the moment until which it was rolled up, and the points after that. A bucket stands at its
-- last sample; a point is a bucket of its own.
SELECT
    series, bucket.at AS time, last AS value, least, greatest, total, toFloat64(samples) AS samples
FROM $table AS bucket FINAL
WHERE bucket.time >= toDateTime(greatest(0, intDiv({since:Int64} - {bucket:Int64}, 1000)))
    AND bucket.time <= toDateTime(greatest(0, intDiv({until:Int64}, 1000)))
    AND bucket.time < toDateTime(intDiv({rolled:Int64}, 1000))
    AND bucket.at > fromUnixTimestamp64Milli({since:Int64}) AND bucket.at <= fromUnixTimestamp64Milli({until:Int64})
    AND series IN {series:Array(UInt64)}
UNION ALL
SELECT series, time, value, value AS least, value AS greatest, value AS total, 1. AS samples
FROM metric_points
WHERE time > fromUnixTimestamp64Milli({since:Int64}) AND time <= fromUnixTimestamp64Milli({until:Int64})
    AND time >= fromUnixTimestamp64Milli({rolled:Int64})
    AND series IN {series:Array(UInt64)}
