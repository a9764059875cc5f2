-- How much is stored since a moment, by what it is and whose.
SELECT what, name, part, count
FROM
(
    SELECT 'answers' AS what, toString(ServiceEntity) AS name, '' AS part, uniqExact(TraceId) AS count
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Milli({since:Int64}) AND SpanKind IN ('Server', 'Consumer')
        AND ServiceEntity != ''
    GROUP BY name
    UNION ALL
    SELECT 'logs' AS what, toString(Entity) AS name, '' AS part, count() AS count
    FROM otel_logs WHERE Timestamp >= fromUnixTimestamp64Milli({since:Int64}) AND Entity != ''
    GROUP BY name
    UNION ALL
    SELECT 'predictions' AS what, toString(model) AS name, '' AS part, uniqExact(id) AS count
    FROM predictions WHERE time >= fromUnixTimestamp64Milli({since:Int64})
    GROUP BY name
    UNION ALL
    SELECT 'versions' AS what, toString(model) AS name, toString(version) AS part, uniqExact(id) AS count
    FROM predictions WHERE time >= fromUnixTimestamp64Milli({since:Int64})
    GROUP BY name, part
    UNION ALL
    SELECT 'labels' AS what, toString(model) AS name, '' AS part, uniqExact(prediction_id) AS count
    FROM labels WHERE time >= fromUnixTimestamp64Milli({since:Int64})
    GROUP BY name
)
ORDER BY what, name, part
