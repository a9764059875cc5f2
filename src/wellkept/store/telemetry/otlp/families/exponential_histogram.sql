-- <name>_count and <name>_sum; the buckets are not kept yet.
SELECT owner_hash, owner, part.1 AS suffix, plain AS attributes, nanos, part.2 AS number, flags
FROM
(
    SELECT
        owner_hash, owner,
        wellkept_pairs(p.attributes) AS plain,
        p.time_unix_nano AS nanos,
        p.flags AS flags,
        [('_count', toNullable(toFloat64(p.count))), ('_sum', p.sum)] AS parts
    FROM
    (
-- include otlp/owned_points.sql family=exponential_histogram kind=histogram monotonics=arrayMap(x->true,m) temporalities=m.exponential_histogram.aggregation_temporality
    )
)
ARRAY JOIN parts AS part
