-- Records and errors (severity number 17 and above) by entity and step. A record that came twice is the same record.
SELECT entity, groupArray(step) AS steps, groupArray(records) AS records, groupArray(errors) AS errors
FROM
(
    SELECT
        Entity AS entity,
        toUInt32(intDiv(toUnixTimestamp64Milli(Timestamp) - {start:Int64}, {step:Int64})) AS step,
        uniqExact(cityHash64(Timestamp, Body, LogAttributes)) AS records,
        uniqExactIf(cityHash64(Timestamp, Body, LogAttributes), SeverityNumber >= 17) AS errors
    FROM otel_logs
    WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
        AND Entity != ''
    GROUP BY entity, step
)
GROUP BY entity
ORDER BY entity
