-- Of each column its most common value, and its share of the values that are there.
SELECT
    column, tupleElement(summed, 1)[indexOf(tupleElement(summed, 2), arrayMax(tupleElement(summed, 2)))] AS value,
    least(1., arrayMax(tupleElement(summed, 2)) / known) AS share
FROM
(
    SELECT column, sumMap(tops, top_rows) AS summed, sum(arraySum(bins)) AS known
    FROM prediction_sketches FINAL
-- include queries/sketch_where.sql
        AND column != ''
    GROUP BY column
)
WHERE known > 0 AND notEmpty(tupleElement(summed, 1))
ORDER BY column
