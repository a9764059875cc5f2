        -- What is read of spans to tell who called whom, each span once; of every so manieth trace.
        TraceId, SpanId, ParentSpanId, ServiceEntity, SpanKind, StatusCode, Duration,
        SpanAttributes['service.peer.name'] AS new_peer,
        if(new_peer = '', SpanAttributes['peer.service'], new_peer) AS peer,
        if(
            peer = '',
            '',
            concat('service:', if(ResourceAttributes['service.namespace'] = '', '', concat(ResourceAttributes['service.namespace'], '/')), peer)
        ) AS named
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
        AND ServiceEntity != '' AND cityHash64(TraceId) % {every:UInt32} = 0
    LIMIT 1 BY TraceId, SpanId
