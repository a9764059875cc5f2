-- Intervals of a version beside what was true, in groups by when they were answered: how many have a label, in how many
-- the truth lay inside, how wide they were, and the sum of their pinball losses (the mean of the two ends).
SELECT
    toInt64(intDiv(p.at - {start:Int64}, {step:Int64})) AS cohort,
    count() AS labelled,
    countIf(p.lower <= l.value AND l.value <= p.upper) AS inside,
    sum(p.upper - p.lower) AS width,
    sum(greatest({tail:Float64} * (l.value - p.lower), ({tail:Float64} - 1) * (l.value - p.lower))
        + greatest((1 - {tail:Float64}) * (l.value - p.upper), -{tail:Float64} * (l.value - p.upper))) / 2 AS pinball
FROM
(
    SELECT id, toUnixTimestamp64Milli(time) AS at,
        toFloat64OrNull(attributes['lower']) AS lower, toFloat64OrNull(attributes['upper']) AS upper
    FROM predictions FINAL
    WHERE model = {model:String} AND version = {version:String} AND attributes['shadow_of'] = ''
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND cityHash64(id) % {one_in:UInt64} = 0
) AS p
INNER JOIN
(
    SELECT prediction_id, argMax(value, time) AS value
    FROM sound_labels
    WHERE model = {model:String} AND time < fromUnixTimestamp64Milli({known_by:Int64})
        AND time >= fromUnixTimestamp64Milli({start:Int64})
        AND cityHash64(prediction_id) % {one_in:UInt64} = 0
    GROUP BY prediction_id
) AS l ON l.prediction_id = p.id
WHERE isFinite(p.lower) AND isFinite(p.upper)
GROUP BY cohort
ORDER BY cohort
