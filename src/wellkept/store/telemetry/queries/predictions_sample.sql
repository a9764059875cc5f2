-- A sample of what one version of a model answered in a span: the same predictions each time, drawn by their ids.
SELECT id, time, version, score, entity_key, all_features AS features, categories
FROM predictions
WHERE model = {model:String} AND version = {version:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    AND id IN
    (
        SELECT id
        FROM predictions
        WHERE model = {model:String} AND version = {version:String}
            AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        GROUP BY id
        ORDER BY cityHash64(id)
        LIMIT {limit:UInt64}
    )
ORDER BY time, id
LIMIT 1 BY id
