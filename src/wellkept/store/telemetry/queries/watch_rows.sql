-- Of the newest predictions of a version in a span: how many, since when, about how many entities, how many said the same
-- of the same entity again, how many scores are no probability (rounded ones are), and how old their features were
-- (attributes feature_age_s, or feature_age_s.NAME).
SELECT count() AS rows, toUnixTimestamp64Milli(min(time)) / 1000 AS first, toUnixTimestamp64Milli(max(time)) / 1000 AS last,
    uniqExactIf(entity_key, entity_key != '') AS entities,
    countIf(entity_key != '') - uniqExactIf(entity_key, said, entity_key != '') AS repeated,
    countIf(score < -0.00001 OR score > 1.00001) AS beyond, min(score) AS lowest, max(score) AS highest,
    maxMap(ages) AS oldest, sumMap(ages) AS summed, sumMap(told) AS counts
FROM
(
    SELECT time, score, entity_key, cityHash64(toString(all_features), toString(categories)) AS said,
        mapFilter((k, v) -> startsWith(k, 'feature_age_s'), attributes) AS texts,
        mapApply((k, v) -> (toString(k), toFloat64OrZero(v)), texts) AS ages,
        mapApply((k, v) -> (toString(k), toUInt64(1)), texts) AS told
    FROM predictions
    WHERE model = {model:String} AND version = {version:String} AND attributes['shadow_of'] = ''
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    ORDER BY time DESC, id DESC
    LIMIT 1 BY id
    LIMIT {limit:UInt64}
)
