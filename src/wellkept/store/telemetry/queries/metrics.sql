-- One row per series of a window: the steps in which it was seen, and what it was in each.
-- Step 0 is what lies before the window (a counter's first rate needs a value before it).
WITH
-- include queries/picked.sql
, deltas AS (SELECT series FROM picked WHERE is_delta)
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
        toUInt32(greatest(0, intDiv(toUnixTimestamp64Milli(time) - {start:Int64} + {step:Int64}, {step:Int64}))) AS step,
        argMax(value, time) AS last,
        toUnixTimestamp64Milli(max(time)) / 1000 AS at,
        arraySum(p -> p.2, groupUniqArrayIf((time, value), series IN (SELECT series FROM deltas))) AS total
    FROM metric_points
    WHERE time >= fromUnixTimestamp64Milli({since:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND series IN (SELECT series FROM picked)
    GROUP BY series, step
)
GROUP BY series
ORDER BY series
