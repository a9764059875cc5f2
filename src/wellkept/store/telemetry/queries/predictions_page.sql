-- The first predictions of a model in a span, by time, with the labels that are known by the moment asked for:
-- about so many, and all of the last moment. What shadows said is left out.
SELECT
    p.id AS id, p.time AS time, p.version AS version, p.score AS score,
    if(l.prediction_id = '', NULL, l.value) AS label,
    if(l.prediction_id = '', NULL, l.known_at) AS label_time,
    p.decision AS decision, p.entity_key AS entity_key, p.trace_id AS trace_id, p.span_id AS span_id,
    p.latency_ms AS latency_ms, p.all_features AS features, p.categories AS categories, p.attributes AS attributes
FROM
(
    SELECT *
    FROM
    (
        SELECT *, all_features
        FROM predictions
        WHERE model = {model:String}
            AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
            AND attributes['shadow_of'] = ''
        ORDER BY time, id
        LIMIT 1 BY id
    )
    ORDER BY time
    LIMIT {limit:UInt64} WITH TIES
) AS p
LEFT JOIN
(
    SELECT prediction_id, argMax(value, time) AS value, max(time) AS known_at
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.id
ORDER BY time, id
