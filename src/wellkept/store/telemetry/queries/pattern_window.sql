-- Lines of each shape by entity and step.
SELECT
    shape, entity, groupArray(step) AS steps, groupArray(n) AS lines, max(worst) AS severity
FROM
(
    SELECT
        shape, entity, toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS step,
        sum(lines) AS n, max(severity) AS worst
    FROM log_pattern_counts
    WHERE time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    GROUP BY shape, entity, step
)
GROUP BY shape, entity
ORDER BY arraySum(lines) DESC, shape, entity
LIMIT {limit:UInt32}
