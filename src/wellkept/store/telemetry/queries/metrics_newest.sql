-- What was seen of each series in each of a few newest steps (from 1 on), as queries/metrics.sql tells it of many.
-- Without names it is of all but the buckets of histograms and the quantiles of summaries.
-- A shard holds whole entities: what is judged together (a use and its limit) is in one.
WITH
picked AS
(
    SELECT
        series,
        any(temporality) = 1 AND any(kind) != 'gauge' AS is_delta
    FROM metric_series
    WHERE if(
            empty({names:Array(String)}),
            NOT wellkept_is_part(kind, name),
            has({names:Array(String)}, name) OR match(name, {endings:String}))
        AND NOT has({left_out:Array(String)}, name)
        AND (
            {shards:UInt64} = 1
            OR if(entity = '', series, toUInt64(CRC32(entity))) % {shards:UInt64} = {shard:UInt64}
        )
    GROUP BY series
)
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
        toUInt32(1 + intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS step,
        argMax(value, time) AS last,
        toUnixTimestamp64Milli(max(time)) / 1000 AS at,
        arraySum(p -> p.2, groupUniqArrayIf((time, value), series IN (SELECT series FROM deltas))) AS total
    FROM metric_points
    WHERE time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND series IN (SELECT series FROM picked)
    GROUP BY series, step
)
GROUP BY series
ORDER BY series
