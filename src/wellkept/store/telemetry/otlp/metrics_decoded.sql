-- OTLP metrics requests as rows (series, owner, suffix, attributes, time, value); included by the statements that need it.
-- Each family of metrics is decoded by a pass of its own over its own columns: the decoder skips the bytes of what it
-- does not need, and the passes run side by side. Inside a pass the nesting is taken off array by array and without
-- copying: only the innermost points become rows, each with the hash of the metric that owns it.
-- Distributions become narrow series by one naming rule, that of Prometheus: <name>_count, <name>_sum, <name>_bucket
-- with the attribute `le` (cumulative counts, the last bound '+Inf'); summaries also <name> with `quantile`.
-- Points flagged "no recorded value" and points without a value are left out.
SELECT
    cityHash64(owner_hash, suffix, attributes) AS series,
    owner, suffix, attributes,
    fromUnixTimestamp64Nano(wellkept_nanos(nanos, {received:UInt64})) AS time,
    assumeNotNull(value) AS value
FROM
(
    SELECT
        owner_hash, owner, '' AS suffix,
        wellkept_pairs(p.attributes) AS attributes,
        p.time_unix_nano AS nanos,
        ifNull(p.as_double, toFloat64(p.as_int)) AS value,
        p.flags AS flags
    FROM
    (
        SELECT
            resource_metrics.scope_metrics.metrics AS nested,
            arrayFlatten(nested) AS m,
            arrayMap(d -> length(d), m.gauge.data_points) AS counts,
            wellkept_of_metrics(wellkept_resources(resource_metrics.resource.attributes), nested) AS resources,
            wellkept_spread(counts, arrayMap((r, n, u) -> cityHash64(r.1, n, u), resources, m.name, m.unit)) AS hashes,
            wellkept_spread(counts, arrayMap(
                (r, n, u) -> (r.1, r.2, toValidUTF8(n), toValidUTF8(u), 'gauge', false, toUInt8(0)),
                resources, m.name, m.unit)) AS owners,
            arrayFlatten(m.gauge.data_points) AS points
        FROM file({body:String}, 'ProtobufSingle', {gauge:String})
    )
    ARRAY JOIN hashes AS owner_hash, owners AS owner, points AS p

    UNION ALL

    SELECT
        owner_hash, owner, '' AS suffix,
        wellkept_pairs(p.attributes) AS attributes,
        p.time_unix_nano AS nanos,
        ifNull(p.as_double, toFloat64(p.as_int)) AS value,
        p.flags AS flags
    FROM
    (
        SELECT
            resource_metrics.scope_metrics.metrics AS nested,
            arrayFlatten(nested) AS m,
            arrayMap(d -> length(d), m.sum.data_points) AS counts,
            wellkept_of_metrics(wellkept_resources(resource_metrics.resource.attributes), nested) AS resources,
            wellkept_spread(counts, arrayMap((r, n, u) -> cityHash64(r.1, n, u), resources, m.name, m.unit)) AS hashes,
            wellkept_spread(counts, arrayMap(
                (r, n, u, is_monotonic, temporality) ->
                    (r.1, r.2, toValidUTF8(n), toValidUTF8(u), 'sum', is_monotonic, toUInt8(temporality)),
                resources, m.name, m.unit, m.sum.is_monotonic, m.sum.aggregation_temporality)) AS owners,
            arrayFlatten(m.sum.data_points) AS points
        FROM file({body:String}, 'ProtobufSingle', {sum:String})
    )
    ARRAY JOIN hashes AS owner_hash, owners AS owner, points AS p

    UNION ALL

    SELECT
        owner_hash, owner, part.1 AS suffix,
        if(part.2 = '', plain, arraySort(arrayPushBack(plain, ('le', part.2)))) AS attributes,
        nanos, part.3 AS value, flags
    FROM
    (
        SELECT
            owner_hash, owner,
            wellkept_pairs(p.attributes) AS plain,
            p.time_unix_nano AS nanos,
            p.flags AS flags,
            arrayConcat(
                [('_count', '', toNullable(toFloat64(p.count)))],
                if(isNull(p.sum), [], [('_sum', '', p.sum)]),
                arrayMap(
                    (bound, n) -> ('_bucket', bound, toNullable(toFloat64(n))),
                    arrayResize(
                        arrayPushBack(arrayMap(b -> toString(b), p.explicit_bounds), '+Inf'), length(p.bucket_counts)),
                    arrayCumSum(p.bucket_counts))) AS parts
        FROM
        (
            SELECT
                resource_metrics.scope_metrics.metrics AS nested,
                arrayFlatten(nested) AS m,
                arrayMap(d -> length(d), m.histogram.data_points) AS counts,
                wellkept_of_metrics(wellkept_resources(resource_metrics.resource.attributes), nested) AS resources,
                wellkept_spread(counts, arrayMap((r, n, u) -> cityHash64(r.1, n, u), resources, m.name, m.unit)) AS hashes,
                wellkept_spread(counts, arrayMap(
                    (r, n, u, temporality) ->
                        (r.1, r.2, toValidUTF8(n), toValidUTF8(u), 'histogram', true, toUInt8(temporality)),
                    resources, m.name, m.unit, m.histogram.aggregation_temporality)) AS owners,
                arrayFlatten(m.histogram.data_points) AS points
            FROM file({body:String}, 'ProtobufSingle', {histogram:String})
        )
        ARRAY JOIN hashes AS owner_hash, owners AS owner, points AS p
    )
    ARRAY JOIN parts AS part

    UNION ALL

    SELECT
        owner_hash, owner, part.1 AS suffix, attributes, nanos, part.2 AS value, flags
    FROM
    (
        SELECT
            owner_hash, owner,
            wellkept_pairs(p.attributes) AS attributes,
            p.time_unix_nano AS nanos,
            p.flags AS flags,
            [('_count', toNullable(toFloat64(p.count))), ('_sum', p.sum)] AS parts
        FROM
        (
            SELECT
                resource_metrics.scope_metrics.metrics AS nested,
                arrayFlatten(nested) AS m,
                arrayMap(d -> length(d), m.exponential_histogram.data_points) AS counts,
                wellkept_of_metrics(wellkept_resources(resource_metrics.resource.attributes), nested) AS resources,
                wellkept_spread(counts, arrayMap((r, n, u) -> cityHash64(r.1, n, u), resources, m.name, m.unit)) AS hashes,
                wellkept_spread(counts, arrayMap(
                    (r, n, u, temporality) ->
                        (r.1, r.2, toValidUTF8(n), toValidUTF8(u), 'histogram', true, toUInt8(temporality)),
                    resources, m.name, m.unit, m.exponential_histogram.aggregation_temporality)) AS owners,
                arrayFlatten(m.exponential_histogram.data_points) AS points
            FROM file({body:String}, 'ProtobufSingle', {exponential_histogram:String})
        )
        ARRAY JOIN hashes AS owner_hash, owners AS owner, points AS p
    )
    ARRAY JOIN parts AS part

    UNION ALL

    SELECT
        owner_hash, owner, part.1 AS suffix,
        if(part.2 = '', plain, arraySort(arrayPushBack(plain, ('quantile', part.2)))) AS attributes,
        nanos, part.3 AS value, flags
    FROM
    (
        SELECT
            owner_hash, owner,
            wellkept_pairs(p.attributes) AS plain,
            p.time_unix_nano AS nanos,
            p.flags AS flags,
            arrayConcat(
                [('_count', '', toNullable(toFloat64(p.count))), ('_sum', '', toNullable(p.sum))],
                arrayMap(q -> ('', toString(q.quantile), toNullable(q.value)), p.quantile_values)) AS parts
        FROM
        (
            SELECT
                resource_metrics.scope_metrics.metrics AS nested,
                arrayFlatten(nested) AS m,
                arrayMap(d -> length(d), m.summary.data_points) AS counts,
                wellkept_of_metrics(wellkept_resources(resource_metrics.resource.attributes), nested) AS resources,
                wellkept_spread(counts, arrayMap((r, n, u) -> cityHash64(r.1, n, u), resources, m.name, m.unit)) AS hashes,
                wellkept_spread(counts, arrayMap(
                    (r, n, u) -> (r.1, r.2, toValidUTF8(n), toValidUTF8(u), 'summary', true, toUInt8(2)),
                    resources, m.name, m.unit)) AS owners,
                arrayFlatten(m.summary.data_points) AS points
            FROM file({body:String}, 'ProtobufSingle', {summary:String})
        )
        ARRAY JOIN hashes AS owner_hash, owners AS owner, points AS p
    )
    ARRAY JOIN parts AS part
)
WHERE NOT bitTest(flags, 0) AND isNotNull(value)
