-- Predictions that were made without a value, or with a stuck one, of one of the named features; newest first.
SELECT
    id, time, version, score, decision, entity_key, trace_id,
    arrayFilter((f, v) -> isNull(all_features[f]) OR (isNotNull(v) AND all_features[f] = v),
        {features:Array(String)}, {stuck:Array(Nullable(Float64))}) AS bad,
    count() OVER () AS total
FROM predictions FINAL
WHERE model = {model:String} AND attributes['shadow_of'] = ''
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    AND notEmpty(bad)
ORDER BY time DESC, id
LIMIT {limit:UInt32}
