-- Which sketches of some columns there are: how many columns a slot has, what it knows of, and how many rows it counted.
SELECT
    toUInt32(intDiv(toInt64(toUnixTimestamp(slot)) * 1000 - {start:Int64}, {step:Int64})) AS step,
    count() AS columns, toInt64(min(until)) AS until, toInt64(sumIf(arraySum(bins), column = '')) AS rows
FROM prediction_sketches FINAL
-- include queries/sketch_where.sql
GROUP BY step
ORDER BY step
