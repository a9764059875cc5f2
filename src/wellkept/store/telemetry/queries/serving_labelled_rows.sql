-- How many predictions of a model in a span, by any version, have a label that was known by a moment.
SELECT count() AS rows
FROM
(
    SELECT DISTINCT id
    FROM predictions
    WHERE model = {model:String} AND time >= fromUnixTimestamp64Milli({start:Int64})
        AND time < fromUnixTimestamp64Milli({end:Int64}) AND attributes['shadow_of'] = ''
) AS p
INNER JOIN
(
    SELECT DISTINCT prediction_id
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
) AS l ON l.prediction_id = p.id
