-- Labels by entity become those of the newest prediction about it that was made before the moment they hold of.
INSERT INTO labels (prediction_id, model, time, value, received)
SELECT p.id, w.model, w.time, w.value, w.received
FROM (SELECT * FROM waiting_labels WHERE prediction_id = '') AS w
ASOF INNER JOIN
(
    SELECT id, model, entity_key, time
    FROM predictions
    WHERE model IN (SELECT model FROM waiting_labels WHERE prediction_id = '')
        AND entity_key IN (SELECT entity_key FROM waiting_labels WHERE prediction_id = '')
        AND time >= (SELECT min(at) FROM waiting_labels WHERE prediction_id = '') - {oldest:UInt32}
        AND attributes['shadow_of'] = ''
) AS p ON p.model = w.model AND p.entity_key = w.entity_key AND w.at >= p.time
WHERE p.time >= w.at - {oldest:UInt32}
