-- Rate, errors, duration and own time of what services answer, by endpoint: one row an endpoint, its steps as arrays.
-- The endpoint is the route's template where there is one, else the span's name with what looks like an id left out.
-- Of each service only so many endpoints stand by themselves, those with the most calls; the rest are one.
SELECT
    entity,
    named AS part,
    groupArray(step) AS steps,
    groupArray(calls) AS calls,
    groupArray(errors) AS errors,
    groupArray(p95) AS p95s,
    groupArray(own_p90) AS own_p90s
FROM
(
    SELECT
        entity,
        if(place <= {most:UInt32}, endpoint, 'other') AS named,
        step,
        sum(number) * {every:UInt32} AS calls,
        sum(failed) * {every:UInt32} AS errors,
        quantileTDigestMerge(0.95)(durations) / 1e9 AS p95,
        quantileTDigestMerge(0.9)(owns) / 1e9 AS own_p90
    FROM
    (
        SELECT *, dense_rank() OVER (PARTITION BY entity ORDER BY total DESC, endpoint) AS place
        FROM
        (
            SELECT *, sum(number) OVER (PARTITION BY entity, endpoint) AS total
            FROM
            (
                SELECT
                    entity, endpoint, step,
                    count() AS number,
                    countIf(is_error) AS failed,
                    quantileTDigestState(0.95)(duration) AS durations,
                    quantileTDigestState(0.9)(own) AS owns
                FROM
                (
                    SELECT
                        entity, endpoint, step, is_error, is_answer, duration,
                        greatest(
                            0,
                            duration - sumIf(duration, NOT is_answer) OVER (PARTITION BY trace, entity)
                                / greatest(1, countIf(is_answer) OVER (PARTITION BY trace, entity))
                        ) AS own
                    FROM
                    (
                        SELECT
                            TraceId AS trace,
                            ServiceEntity AS entity,
                            SpanKind != 'Client' AS is_answer,
                            StatusCode = 'Error' AS is_error,
                            toFloat64(Duration) AS duration,
                            SpanAttributes['http.route'] AS route,
                            if(
                                route != '',
                                trim(concat(
                                    if(
                                        SpanAttributes['http.request.method'] != '',
                                        SpanAttributes['http.request.method'],
                                        SpanAttributes['http.method']),
                                    ' ', route)),
                                replaceRegexpAll(toString(SpanName), '[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9]+', '{}')
                            ) AS endpoint,
                            toInt64(intDiv(toUnixTimestamp64Milli(Timestamp) - {start:Int64}, {step:Int64})) AS step
                        FROM otel_traces
                        WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64})
                            AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
                            AND SpanKind IN ('Server', 'Consumer', 'Client') AND ServiceEntity != ''
                            AND ({entity:String} = '' OR ServiceEntity = {entity:String})
                            AND cityHash64(TraceId) % {every:UInt32} = 0
                        LIMIT 1 BY TraceId, SpanId
                    )
                )
                WHERE is_answer
                GROUP BY entity, endpoint, step
            )
        )
    )
    GROUP BY entity, named, step
)
GROUP BY entity, part
ORDER BY entity, part
