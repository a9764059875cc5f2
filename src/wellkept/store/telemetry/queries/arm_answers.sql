-- What versions of a model answered, each in its own span of time, by bucket of callers: how many answers, of how
-- many the truth is known by the end of it all, the sum of their losses, and how many scores lie above each edge. A
-- shadow's answer is judged by the truth about the answer that it stands beside.
SELECT
    place, bucket, count() AS answers, countIf(l.prediction_id != '') AS labelled,
    sumIf(
        multiIf(
            {loss:String} = 'log', -log(greatest(0.01, least(1.0, if(l.value > 0, score, 1 - score)))),
            {loss:String} = 'wrong', toFloat64(round(score) != l.value),
            abs(l.value - score)),
        l.prediction_id != '') AS loss,
    sumForEach(arrayMap(edge -> toUInt64(score > edge), {edges:Array(Float64)})) AS above
FROM
(
    SELECT
        indexOf({versions:Array(String)}, version) AS place,
        toUnixTimestamp64Milli(time) AS at,
        if(attributes['shadow_of'] = '', id, attributes['shadow_of']) AS of,
        cityHash64(if(entity_key = '', of, entity_key)) % {buckets:UInt64} AS bucket,
        score
    FROM predictions FINAL
    WHERE model = {model:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND place > 0 AND ({split:UInt8} = 0 OR attributes['arm'] != '')
        AND at >= {starts:Array(Int64)}[place] AND at < {ends:Array(Int64)}[place]
        AND NOT arrayExists((a, b) -> at >= a AND at < b, {void_starts:Array(Int64)}, {void_ends:Array(Int64)})
) AS p
LEFT JOIN
(
    SELECT prediction_id, argMax(value, time) AS value
    FROM sound_labels
    WHERE model = {model:String} AND time >= fromUnixTimestamp64Milli({start:Int64})
        AND time < fromUnixTimestamp64Milli({end:Int64})
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.of
GROUP BY place, bucket
ORDER BY place, bucket
