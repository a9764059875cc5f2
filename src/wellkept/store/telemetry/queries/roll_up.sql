-- Points of some hours by the bucket. A point that came twice counts once; a stale marker (told by its bits) is no value.
-- In the order of the points, so that it needs no memory to speak of; on one thread, so that what comes in is not held up.
-- Hours whose points are gone already only get what late points bring to buckets that are not there.
INSERT INTO $table (series, time, at, last, least, greatest, total, samples, rolled_at)
SELECT
    series,
    $bucket(time) AS bucket,
    max(time),
    argMax(value, time),
    min(value),
    max(value),
    sum(value),
    count(),
    {now:DateTime64(3, 'UTC')}
FROM metric_points FINAL
WHERE time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    AND series >= {low:UInt64} AND series <= {high:UInt64}
    AND reinterpretAsUInt64(value) != 0x7ff0000000000002
    AND ({is_whole:Bool} OR (series, $bucket(time)) NOT IN (
        SELECT series, time FROM $table
        WHERE NOT {is_whole:Bool}
            AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    ))
GROUP BY toStartOfHour(time), series, bucket
SETTINGS optimize_aggregation_in_order = 1, max_threads = 1, max_execution_time = 0
