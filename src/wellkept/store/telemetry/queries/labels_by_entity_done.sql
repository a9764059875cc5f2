-- Labels by entity whose prediction is stored wait no more.
ALTER TABLE waiting_labels DELETE
WHERE prediction_id = '' AND (model, entity_key, at) IN
(
    SELECT w.model, w.entity_key, w.at
    FROM (SELECT model, entity_key, at FROM waiting_labels WHERE prediction_id = '') AS w
    ASOF INNER JOIN
    (
        SELECT model, entity_key, time
        FROM predictions
        WHERE model IN (SELECT model FROM waiting_labels WHERE prediction_id = '')
            AND entity_key IN (SELECT entity_key FROM waiting_labels WHERE prediction_id = '')
            AND time >= (SELECT min(at) FROM waiting_labels WHERE prediction_id = '') - {oldest:UInt32}
            AND attributes['shadow_of'] = ''
    ) AS p ON p.model = w.model AND p.entity_key = w.entity_key AND w.at >= p.time
    WHERE p.time >= w.at - {oldest:UInt32}
)
SETTINGS mutations_sync = 1
