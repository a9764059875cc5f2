SELECT *, '' AS suffix, [] AS told, ifNull(p.as_double, toFloat64(p.as_int)) AS number
FROM
(
-- include otlp/families/owned.sql family=$family is_monotonic=$is_monotonic temporality=$temporality
)
WHERE NOT bitTest(p.flags, 0) AND isNotNull(number)
