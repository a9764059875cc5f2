-- Points of gauges and sums: (body, raw, at, value). Points flagged "no recorded value" and points without one are left
-- out. (An alias hides a column of the same name from WHERE too; so what is decoded is a number.)
-- A metric of another kind gives one row that is no point: its bit in "others" tells which kind is there besides.
SELECT
    body,
    cityHash64(owner, p.attributes) AS raw,
    intDiv(wellkept_nanos(p.time_unix_nano, {received:UInt64}), 1000000) AS at,
    assumeNotNull(number) AS value,
    toUInt8(if(is_point, 0, bitShiftRight(p.flags, 1))) AS others
FROM
(
    SELECT
        body, owner, p,
        p.time_unix_nano < 18446744073709551615 AS is_point,
        if(is_point, ifNull(p.as_double, toFloat64(p.as_int)), 0) AS number
    FROM
    (
-- include otlp/points/owned.sql family=number more=notEmpty(m.sum.data_points),m.sum.is_monotonic,m.sum.aggregation_temporality points=wellkept_numbers(m)
    )
)
WHERE isNotNull(number) AND NOT bitTest(p.flags, 0)
