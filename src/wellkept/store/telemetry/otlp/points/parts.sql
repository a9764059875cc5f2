-- What the points of a family are taken apart into: (body, item, raw, at, value). A part is told from its siblings by a number
-- for its kind and by its bound.
SELECT
    body,
    item,
    cityHash64(base, part.1, part.2) AS raw,
    intDiv(wellkept_nanos(nanos, {received:UInt64}), 1000000) AS at,
    part.3 AS value
FROM
(
    SELECT
        body,
        rowNumberInAllBlocks() AS item,
        cityHash64(owner, p.attributes) AS base,
        p.time_unix_nano AS nanos,
        wellkept_parts_of_$family(p) AS parts
    FROM
    (
-- include otlp/points/owned.sql family=$family more=$more points=m.$family.data_points
    )
    WHERE NOT bitTest(p.flags, 0)
)
ARRAY JOIN parts AS part
