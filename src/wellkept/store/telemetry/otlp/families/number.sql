SELECT *, '' AS suffix, [] AS told, ifNull(p.as_double, toFloat64(p.as_int)) AS number
FROM
(
-- include otlp/families/owned.sql kind=if(notEmpty(m.sum.data_points),'sum','gauge') is_monotonic=m.sum.is_monotonic temporality=m.sum.aggregation_temporality points=arrayConcat(m.gauge.data_points,m.sum.data_points)
)
WHERE NOT bitTest(p.flags, 0) AND isNotNull(number)
