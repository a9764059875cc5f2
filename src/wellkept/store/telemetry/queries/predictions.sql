-- Predictions of a model with what turned out to be true, where it is known by the moment asked for. What versions said
-- that were only tried (shadows) is left out.
SELECT
    p.id AS id, p.time AS time, p.version AS version, p.score AS score,
    if(l.prediction_id = '', NULL, l.value) AS label,
    if(l.prediction_id = '', NULL, l.known_at) AS label_time,
    p.decision AS decision, p.entity_key AS entity_key, p.trace_id AS trace_id, p.span_id AS span_id,
    p.latency_ms AS latency_ms, p.all_features AS features, p.categories AS categories, p.attributes AS attributes
FROM
(
    SELECT *, all_features
    FROM predictions
    WHERE model = {model:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND attributes['shadow_of'] = ''
    ORDER BY time, id
    LIMIT 1 BY id
) AS p
LEFT JOIN
(
    SELECT prediction_id, argMax(value, time) AS value, max(time) AS known_at
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.id
ORDER BY time, id
