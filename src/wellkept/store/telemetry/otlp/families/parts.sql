SELECT
    * EXCEPT parts,
    ['_count', '_sum', '_bucket', ''][part.1] AS suffix,
    multiIf(
        part.1 < 3, [],
        [(if(part.1 = 3, 'le', 'quantile'), if(isInfinite(part.2), '+Inf', toString(part.2)))]) AS told,
    part.3 AS number
FROM
(
    SELECT *, wellkept_parts_of_$family(p) AS parts
    FROM
    (
-- include otlp/families/owned.sql kind=$kind is_monotonic=true temporality=$temporality points=m.$family.data_points
    )
    WHERE NOT bitTest(p.flags, 0)
)
ARRAY JOIN parts AS part
