-- Predictions of a model, in groups by when they were made, what they said, what was true, and how old they were when
-- that became known. What versions said that were only tried is judged by the truth of the answer that was given.
SELECT
    toInt64(intDiv(p.at - {start:Int64}, {step:Int64})) AS cohort,
    p.kind AS kind,
    toInt64(if({kind:String} = 'class', least(greatest(round(p.score), 0), toFloat64({most:Int64})),
        arrayFirstIndex(edge -> p.score <= edge, arrayPushBack({edges:Array(Float64)}, inf)) - 1)) AS place,
    toInt64(multiIf(l.known = 0 OR {kind:String} = 'number', 0,
        {kind:String} = 'class', least(greatest(round(l.value), 0), toFloat64({most:Int64})), l.value > 0)) AS label,
    toInt64(if(l.known = 0, -1,
        arrayFirstIndex(end -> (l.first - p.at) / 1000 <= end, arrayPushBack({ages:Array(Float64)}, inf)) - 1)) AS age,
    count() AS rows,
    sum(p.score) AS scores,
    sum(if(l.known = 1, abs(l.value - p.score), 0)) AS error,
    sum(if(l.known = 1, pow(l.value - p.score, 2), 0)) AS squared,
    sum(if(l.known = 1, pow(l.value - p.score, 4), 0)) AS fourth,
    sum(if(l.known = 1, abs(l.value), 0)) AS truth
FROM
(
    SELECT
        if(attributes['shadow_of'] = '', id, attributes['shadow_of']) AS label_id,
        toUnixTimestamp64Milli(time) AS at, score,
        multiIf(version != {version:String}, 0, attributes['shadow_of'] = '', 1, 2) AS kind
    FROM predictions FINAL
    WHERE model = {model:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND (version = {version:String} OR attributes['shadow_of'] = '')
        AND cityHash64(if(attributes['shadow_of'] = '', id, attributes['shadow_of'])) % {one_in:UInt64} = 0
        AND isFinite(score)
) AS p
LEFT JOIN
(
    SELECT prediction_id, argMax(value, time) AS value, toUnixTimestamp64Milli(min(time)) AS first, 1 AS known
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
        AND time >= fromUnixTimestamp64Milli({start:Int64})
        AND cityHash64(prediction_id) % {one_in:UInt64} = 0
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.label_id
GROUP BY cohort, kind, place, label, age
ORDER BY cohort, kind, place, label, age
