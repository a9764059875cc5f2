        -- What is read of spans that may have called somebody, each once; of every so manieth trace.
        cityHash64(TraceId, SpanId) AS id, ServiceEntity, SpanKind = 'Client' AS is_client, StatusCode, Duration,
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
    LIMIT 1 BY id
