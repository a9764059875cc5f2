-- <name>_count, <name>_sum, and <name> with `quantile`.
SELECT
    owner_hash, owner, part.1 AS suffix,
    if(part.2 = '', plain, arraySort(arrayPushBack(plain, ('quantile', part.2)))) AS attributes,
    nanos, part.3 AS number, flags
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
-- include otlp/owned_points.sql family=summary kind=summary monotonics=arrayMap(x->true,m) temporalities=arrayMap(x->2,m)
    )
)
ARRAY JOIN parts AS part
