-- Lines that were received in a span of time (of a recording: that are of it), counted by their cheap key (which is made here), step, entity and
-- severity, with a sample of each.
SELECT
    cityHash64(tokens, newline > 0, class) AS key,
    intDiv(toUnixTimestamp64Milli(Timestamp), {step:Int64}) * {step:Int64} AS at,
    Entity AS entity, ServiceName AS service,
    multiIf(SeverityNumber >= 17, 17, SeverityNumber >= 13, 13, SeverityNumber >= 9, 9, SeverityNumber) AS severity,
    toUInt32(count()) AS lines,
    groupArraySample({samples:UInt8}, 1)(substring(Body, 1, 4000)) AS bodies
FROM
(
    SELECT
-- include queries/pattern_key.sql
        Body, Timestamp, Entity, ServiceName, SeverityNumber
    FROM otel_logs
    WHERE if({recorded:UInt8} = 1, Timestamp, Received) > fromUnixTimestamp64Nano({after:Int64})
        AND if({recorded:UInt8} = 1, Timestamp, Received) <= fromUnixTimestamp64Nano({until:Int64})
)
GROUP BY key, at, entity, service, severity
ORDER BY key, at, entity, service, severity
