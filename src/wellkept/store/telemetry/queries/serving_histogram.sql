-- How the values of a model's features, and its scores (''), fall into bins, slice by slice. Bin -1 holds the nulls.
SELECT feature, slice, bin, count() AS rows
FROM
(
    SELECT
        toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slice,
        feature,
        if(isNull(value), -1, toInt32(arrayCount(edge -> assumeNotNull(value) > edge,
            {edges:Array(Array(Float64))}[indexOf({features:Array(String)}, feature)]))) AS bin
    FROM
    (
        SELECT time, arrayConcat(mapKeys(all_features), ['']) AS called,
            arrayConcat(mapValues(all_features), [toNullable(score)]) AS amounts
        FROM predictions FINAL
        WHERE model = {model:String} AND version = {version:String}
            AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    )
    ARRAY JOIN called AS feature, amounts AS value
    WHERE has({features:Array(String)}, feature)
)
GROUP BY feature, slice, bin
ORDER BY feature, slice, bin
