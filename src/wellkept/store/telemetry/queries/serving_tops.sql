-- The most common value of each feature, and the share of the predictions that have it.
SELECT feature, tupleElement(top[1], 1) AS value, tupleElement(top[1], 2) / rows AS share
FROM
(
    SELECT toString(name) AS feature, count() AS rows, topK(1, 3, 'counts')(assumeNotNull(amount)) AS top
    FROM
    (
        SELECT name, amount
        FROM predictions FINAL
        ARRAY JOIN mapKeys(all_features) AS name, mapValues(all_features) AS amount
        WHERE model = {model:String} AND version = {version:String}
            AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    )
    WHERE isNotNull(amount)
    GROUP BY feature
)
ORDER BY feature
