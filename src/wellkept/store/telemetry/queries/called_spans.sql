    -- The spans that answered somebody, each once: whose child it is, as a number; of every so manieth trace.
    SELECT cityHash64(TraceId, ParentSpanId) AS parent, ServiceEntity, StatusCode, Duration
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
        AND ServiceEntity != '' AND cityHash64(TraceId) % {every:UInt32} = 0
        AND SpanKind IN ('Server', 'Consumer') AND ParentSpanId != ''
    LIMIT 1 BY cityHash64(TraceId, SpanId)
