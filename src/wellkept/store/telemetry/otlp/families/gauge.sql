SELECT
    owner_hash, owner, '' AS suffix,
    wellkept_pairs(p.attributes) AS attributes,
    p.time_unix_nano AS nanos,
    ifNull(p.as_double, toFloat64(p.as_int)) AS number,
    p.flags AS flags
FROM
(
-- include otlp/owned_points.sql family=gauge kind=gauge monotonics=arrayMap(x->false,m) temporalities=arrayMap(x->0,m)
)
