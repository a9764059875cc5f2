-- Patterns that came in a span of time, the most frequent first, with their lines in each of its sixty steps.
SELECT
    if(s.pattern = 0, c.shape, s.pattern) AS pattern, any(s.template) AS template, any(s.parameters) AS parameters,
    any(s.samples) AS samples, toUInt64(sum(c.lines)) AS lines, max(c.severity) AS severity,
    groupUniqArray(10)(c.service) AS services, groupUniqArray(10)(c.entity) AS entities,
    min(s.first_seen) AS first_seen, max(c.time) AS last_seen,
    sumMap(
        [toUInt32(intDiv((toUnixTimestamp64Milli(c.time) - {start:Int64}) * 60, {end:Int64} - {start:Int64}))],
        [toUInt64(c.lines)]
    ) AS trend, trend.1 AS steps, trend.2 AS counts
FROM log_pattern_counts AS c
LEFT JOIN (SELECT * FROM log_shapes FINAL) AS s ON c.shape = s.shape
WHERE c.time >= fromUnixTimestamp64Milli({start:Int64}) AND c.time < fromUnixTimestamp64Milli({end:Int64})
    AND ({service:String} = '' OR c.service = {service:String})
    AND ({entity:String} = '' OR c.entity = {entity:String})
    AND c.severity >= {severity:UInt8}
GROUP BY pattern
ORDER BY lines DESC, pattern
LIMIT {limit:UInt32}
