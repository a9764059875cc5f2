-- What was logged within the spans of the same traces: the place in the code where the text names one (Pay#118,
-- pay.go:118), and the beginning of the text with what varies masked.
SELECT span, template, entity, max(SeverityNumber) AS severity
FROM
(
    SELECT
        cityHash64(TraceId, SpanId) AS span,
        substringUTF8(Body, 1, 200) AS beginning,
        extract(beginning, '[A-Za-z_]+(?:#|[.][a-z]{1,4}:)[0-9]+') AS place,
        concat(
            place,
            if(place = '', '', ' '),
            substringUTF8(replaceRegexpAll(beginning, '[0-9a-fA-F]{8}[-0-9a-fA-F]*|[0-9]+', '#'), 1, 80)) AS template,
        toString(Entity) AS entity,
        SeverityNumber
    FROM otel_logs
    WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
        AND TraceId != '' AND SpanId != '' AND cityHash64(TraceId) % {every:UInt32} = 0
)
GROUP BY span, template, entity
ORDER BY span, template, entity
