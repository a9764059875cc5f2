-- Sketches put together to the steps of a grid.
SELECT
    column, toUInt32(intDiv(toInt64(toUnixTimestamp(slot)) * 1000 - {start:Int64}, {step:Int64})) AS step,
    sumForEach(bins) AS bins, sum(nulls) AS nulls, min(least) AS least, max(greatest) AS greatest,
    sum(answered) AS answered
FROM prediction_sketches FINAL
-- include queries/sketch_where.sql
GROUP BY column, step
ORDER BY column, step
