-- The same as metrics.sql, where the points of a part of the window are gone or would be too many: hours, minutes and
-- points follow one another. A bucket stands at its last sample.
WITH
-- include queries/picked.sql
SELECT
    series,
    groupArray(step) AS steps,
    groupArray(last) AS lasts,
    groupArray(at) AS ats,
    groupArray(total) AS totals
FROM
(
    SELECT
        series,
        toUInt32(greatest(0, intDiv(toUnixTimestamp64Milli(moment) - {start:Int64} + {step:Int64}, {step:Int64}))) AS step,
        argMax(value, moment) AS last,
        toUnixTimestamp64Milli(max(moment)) / 1000 AS at,
        sum(amount) AS total
    FROM
    (
        SELECT series, bucket.at AS moment, bucket.last AS value, bucket.total AS amount
        FROM metric_hours AS bucket FINAL
        WHERE bucket.time >= toDateTime(greatest(0, intDiv({since:Int64} - 3600000, 1000)))
            AND bucket.time < toDateTime(intDiv({hours_until:Int64}, 1000))
            AND series IN (SELECT series FROM picked)
        UNION ALL
        SELECT series, bucket.at AS moment, bucket.last AS value, bucket.total AS amount
        FROM metric_minutes AS bucket FINAL
        WHERE bucket.time >= toDateTime(greatest(0, intDiv(greatest({since:Int64} - 60000, {hours_until:Int64}), 1000)))
            AND bucket.time < toDateTime(intDiv({minutes_until:Int64}, 1000))
            AND series IN (SELECT series FROM picked)
        UNION ALL
        SELECT series, time AS moment, any(metric_points.value) AS value, any(metric_points.value) AS amount
        FROM metric_points
        WHERE time >= fromUnixTimestamp64Milli(greatest({since:Int64}, {minutes_until:Int64}))
            AND series IN (SELECT series FROM picked)
        GROUP BY series, time
    )
    WHERE moment >= fromUnixTimestamp64Milli({since:Int64}) AND moment < fromUnixTimestamp64Milli({end:Int64})
    GROUP BY series, step
)
GROUP BY series
ORDER BY series
