-- Concatenated OTLP metrics requests to narrow points. One pass: requests, resources, metrics, points, parts of points.
-- A gauge or sum point has one part. Distributions become narrow series by one naming rule, that of Prometheus:
-- <name>_count, <name>_sum, <name>_bucket with the attribute `le` (cumulative counts, the last one '+Inf'),
-- and for summaries <name> with the attribute `quantile`. Points flagged "no recorded value" are left out.
INSERT INTO metric_arrivals
SELECT
    cityHash64(resource, full_name, unit, all_attributes) AS series,
    fromUnixTimestamp64Nano(wellkept_nanos(nanos, {received:UInt64})) AS time,
    part.4 AS value,
    concat(name, part.1) AS full_name,
    unit,
    multiIf(
        family = 'histogram', concat('histogram', part.1),
        family = 'summary' AND part.1 = '', 'summary_quantile',
        family = 'summary', concat('summary', part.1),
        family) AS kind,
    is_monotonic AND kind != 'summary_quantile' AS is_monotonic,
    temporality,
    if(part.2 = '', attributes, arraySort(arrayPushBack(attributes, (part.2, part.3)))) AS all_attributes,
    resource,
    resource_attributes
FROM
(
    SELECT
        resource, resource_attributes, name, unit, family, is_monotonic, temporality,
        p.1 AS nanos,
        wellkept_scalar_pairs(p.2) AS attributes,
        p.3 AS parts
    FROM
    (
        SELECT
            resource, resource_attributes,
            toValidUTF8(m.name) AS name,
            toValidUTF8(m.unit) AS unit,
            multiIf(
                notEmpty(m.gauge.data_points), 'gauge',
                notEmpty(m.sum.data_points), 'sum',
                notEmpty(m.summary.data_points), 'summary',
                'histogram') AS family,
            family IN ('histogram', 'summary') OR (family = 'sum' AND m.sum.is_monotonic) AS is_monotonic,
            toUInt8(multiIf(
                family = 'gauge', 0,
                family = 'summary', 2,
                family = 'sum', m.sum.aggregation_temporality,
                greatest(m.histogram.aggregation_temporality, m.exponential_histogram.aggregation_temporality)
            )) AS temporality,
            arrayConcat(
                arrayMap(
                    d -> (d.time_unix_nano, d.attributes, [('', '', '', ifNull(d.as_double, toFloat64(d.as_int)))]),
                    arrayFilter(
                        d -> NOT bitTest(d.flags, 0) AND (isNotNull(d.as_double) OR isNotNull(d.as_int)),
                        arrayConcat(m.gauge.data_points, m.sum.data_points))),
                arrayMap(
                    d -> (d.time_unix_nano, d.attributes, arrayConcat(
                        [('_count', '', '', toNullable(toFloat64(d.count)))],
                        if(isNull(d.sum), [], [('_sum', '', '', d.sum)]),
                        arrayMap(
                            (bound, n) -> ('_bucket', 'le', bound, toNullable(toFloat64(n))),
                            arrayResize(
                                arrayPushBack(arrayMap(b -> toString(b), d.explicit_bounds), '+Inf'),
                                length(d.bucket_counts)),
                            arrayCumSum(d.bucket_counts)))),
                    arrayFilter(d -> NOT bitTest(d.flags, 0), m.histogram.data_points)),
                arrayMap(
                    d -> (d.time_unix_nano, d.attributes, arrayConcat(
                        [('_count', '', '', toNullable(toFloat64(d.count)))],
                        if(isNull(d.sum), [], [('_sum', '', '', d.sum)]))),
                    arrayFilter(d -> NOT bitTest(d.flags, 0), m.exponential_histogram.data_points)),
                arrayMap(
                    d -> (d.time_unix_nano, d.attributes, arrayConcat(
                        [('_count', '', '', toNullable(toFloat64(d.count))), ('_sum', '', '', toNullable(d.sum))],
                        arrayMap(
                            q -> ('', 'quantile', toString(q.quantile), toNullable(q.value)), d.quantile_values))),
                    arrayFilter(d -> NOT bitTest(d.flags, 0), m.summary.data_points))) AS points
        FROM
        (
            SELECT resource, resource_attributes, scope.metrics AS metrics
            FROM
            (
                SELECT
                    wellkept_pairs(r.resource.attributes) AS resource_attributes,
                    cityHash64(resource_attributes) AS resource,
                    r.scope_metrics AS scopes
                FROM file({body:String}, 'ProtobufSingle', {structure:String})
                ARRAY JOIN resource_metrics AS r
            )
            ARRAY JOIN scopes AS scope
        )
        ARRAY JOIN metrics AS m
    )
    ARRAY JOIN points AS p
)
ARRAY JOIN parts AS part
SETTINGS format_schema = {schema:String}
