-- The time that services spend themselves: what they took to answer in a trace, less what they waited for others.
SELECT entity, groupArray(step) AS steps, groupArray(p90) AS p90s
FROM
(
    SELECT
        entity,
        toUInt32(intDiv(toUnixTimestamp64Milli(at) - {start:Int64}, {step:Int64})) AS step,
        quantileExact(0.9)(own) / 1e9 AS p90
    FROM
    (
        SELECT
            ServiceEntity AS entity,
            minIf(Timestamp, is_answer) AS at,
            greatest(0, toInt64(sumIf(Duration, is_answer)) - toInt64(sumIf(Duration, NOT is_answer)))
                / countIf(is_answer) AS own
        FROM
        (
            SELECT TraceId, ServiceEntity, SpanKind != 'Client' AS is_answer, Timestamp, Duration
            FROM otel_traces
            WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64})
                AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
                AND SpanKind IN ('Server', 'Consumer', 'Client') AND ServiceEntity != ''
                AND cityHash64(TraceId) % {every:UInt32} = 0
            LIMIT 1 BY TraceId, SpanId
        )
        GROUP BY TraceId, ServiceEntity
        HAVING countIf(is_answer) > 0
    )
    GROUP BY entity, step
)
GROUP BY entity
ORDER BY entity
