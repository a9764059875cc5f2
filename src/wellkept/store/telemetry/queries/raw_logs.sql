-- Log records as they came, by time; a record that came twice is one.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS at, TraceId AS trace, SpanId AS span, toInt64(SeverityNumber) AS severity,
    Body AS body, cityHash64(ResourceAttributes) AS resource, ResourceAttributes AS resource_attributes,
    LogAttributes AS attributes
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
ORDER BY at, trace, span, body
LIMIT 1 BY Timestamp, Entity, Body, LogAttributes
