-- How many requests each service answered in each step, how many of them failed, and how many took longer than a limit.
SELECT
    entity,
    groupArray(step) AS steps,
    groupArray(calls) AS calls,
    groupArray(failures) AS failed,
    groupArray(late) AS slow
FROM
(
    SELECT
        ServiceEntity AS entity, step,
        count() AS calls, countIf(StatusCode = 'Error') AS failures, countIf(Duration > {slower:UInt64}) AS late
    FROM
    (
        SELECT
            ServiceEntity, StatusCode, Duration,
            toUInt32(intDiv(toUnixTimestamp64Milli(Timestamp) - {start:Int64}, {step:Int64})) AS step
        FROM otel_traces
        WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
            AND SpanKind IN ('Server', 'Consumer')
            AND (ServiceEntity = {service:String} OR endsWith(ServiceEntity, {ending:String}))
            AND ({endpoint:String} = '' OR SpanName = {endpoint:String})
        LIMIT 1 BY TraceId, SpanId
    )
    GROUP BY entity, step
)
GROUP BY entity
ORDER BY entity
