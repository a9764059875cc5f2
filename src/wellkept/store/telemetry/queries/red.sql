-- Rate, errors and duration of what services answer, of every so manieth trace: one row a service, its steps as arrays.
SELECT
    entity,
    groupArray(step) AS steps,
    groupArray(calls) AS calls,
    groupArray(errors) AS errors,
    groupArray(p50) AS p50s,
    groupArray(p95) AS p95s
FROM
(
    SELECT
        ServiceEntity AS entity,
        step,
        count() * {every:UInt32} AS calls,
        countIf(StatusCode = 'Error') * {every:UInt32} AS errors,
        quantilesExact(0.5, 0.95)(Duration) AS quantiles,
        quantiles[1] / 1e9 AS p50,
        quantiles[2] / 1e9 AS p95
    FROM
    (
        SELECT
            ServiceEntity, StatusCode, Duration,
            toUInt32(intDiv(toUnixTimestamp64Milli(Timestamp) - {start:Int64}, {step:Int64})) AS step
        FROM otel_traces
        WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
            AND SpanKind IN ('Server', 'Consumer') AND ServiceEntity != '' AND cityHash64(TraceId) % {every:UInt32} = 0
        LIMIT 1 BY TraceId, SpanId
    )
    GROUP BY entity, step
)
GROUP BY entity
ORDER BY entity
