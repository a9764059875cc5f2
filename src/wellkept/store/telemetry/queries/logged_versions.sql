-- Which versions of a model predictions came with in a span, how many, and when first and last. What was only tried is left out.
SELECT version, count() AS predictions, min(time) AS first, max(time) AS last
FROM predictions
WHERE model = {model:String} AND attributes['shadow_of'] = ''
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
GROUP BY version
ORDER BY first, version
LIMIT 1000
