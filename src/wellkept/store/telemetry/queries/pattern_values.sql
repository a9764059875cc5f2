-- Values of parameters by pattern, entity and step, as far as they were sampled.
SELECT
    pattern, entity, parameter, value, groupArray(step) AS steps, groupArray(n) AS lines
FROM
(
    SELECT
        pattern, entity, parameter, value,
        toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS step, sum(lines) AS n
    FROM log_pattern_values
    WHERE time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    GROUP BY pattern, entity, parameter, value, step
)
GROUP BY pattern, entity, parameter, value
ORDER BY pattern, entity, parameter, value
LIMIT {limit:UInt32}
