-- name: quantiles
SELECT feature, quantilesIf({levels:Array(Float64)})(assumeNotNull(value), isNotNull(value)) AS edges
FROM (
    SELECT feature, value FROM predictions
    ARRAY JOIN arrayConcat(mapKeys(features), [{score:String}]) AS feature,
               arrayConcat(mapValues(features), [toNullable(score)]) AS value
    WHERE model = {model:String} AND version = {version:String}
      AND time >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
)
GROUP BY feature ORDER BY feature

-- name: histogram
SELECT feature, if(isNull(value), -1, toInt32(arrayCount(edge -> assumeNotNull(value) > edge, edges))) AS bin, count() AS rows
FROM (
    SELECT feature, value, {edges:Array(Array(Float64))}[indexOf({features:Array(String)}, feature)] AS edges
    FROM predictions
    ARRAY JOIN arrayConcat(mapKeys(features), [{score:String}]) AS feature,
               arrayConcat(mapValues(features), [toNullable(score)]) AS value
    WHERE model = {model:String} AND version = {version:String}
      AND time >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
)
GROUP BY feature, bin ORDER BY feature, bin
