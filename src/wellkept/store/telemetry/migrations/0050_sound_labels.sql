-- When the labels of a model came in a way that is not to be believed: in a storm. What came
-- then is left out of all that is judged and trained by; the labels themselves stay, and count again when the span does not.
-- Without any such time the condition is a constant, and reading costs what it would without it.
CREATE TABLE IF NOT EXISTS distrusted_labels
(
    model LowCardinality(String),
    finding String,
    start DateTime64(3, 'UTC'),
    end DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (model, finding);

CREATE VIEW IF NOT EXISTS sound_labels AS
SELECT prediction_id, model, time, value, received
FROM labels
WHERE (SELECT count() FROM distrusted_labels) = 0 OR NOT arrayExists(
    span -> span.1 = toString(model) AND received >= span.2 AND received < span.3,
    (SELECT groupArray((toString(model), start, end)) FROM distrusted_labels FINAL)
);
