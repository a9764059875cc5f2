-- <name>_count, <name>_sum, and <name>_bucket with `le`: cumulative counts, the last bound '+Inf'.
SELECT
    owner_hash, owner, part.1 AS suffix,
    if(part.2 = '', plain, arraySort(arrayPushBack(plain, ('le', part.2)))) AS attributes,
    nanos, part.3 AS number, flags
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
-- include otlp/owned_points.sql family=histogram kind=histogram monotonics=arrayMap(x->true,m) temporalities=m.histogram.aggregation_temporality
    )
)
ARRAY JOIN parts AS part
