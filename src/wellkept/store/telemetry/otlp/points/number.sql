-- Points of gauges or sums: (body, item, raw, at, value). Points flagged "no recorded value" and points without one are left
-- out. (An alias hides a column of the same name from WHERE too; so what is decoded is a number.)
SELECT
    body,
    rowNumberInAllBlocks() AS item,
    cityHash64(owner, p.attributes) AS raw,
    intDiv(wellkept_nanos(p.time_unix_nano, {received:UInt64}), 1000000) AS at,
    assumeNotNull(number) AS value
FROM
(
    SELECT body, owner, p, ifNull(p.as_double, toFloat64(p.as_int)) AS number
    FROM
    (
-- include otlp/points/owned.sql family=$family more=$more
    )
)
WHERE NOT bitTest(p.flags, 0) AND isNotNull(number)
