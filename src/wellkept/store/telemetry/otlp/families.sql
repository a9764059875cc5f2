-- Which families of metrics a request holds. For requests of many metrics; of a few, Python tells sooner.
SELECT *
FROM
(
    SELECT
        arrayExists(x -> notEmpty(x), m.gauge) AS gauge,
        arrayExists(x -> notEmpty(x), m.sum) AS sum,
        arrayExists(x -> notEmpty(x), m.histogram) AS histogram,
        arrayExists(x -> notEmpty(x), m.exponential_histogram) AS exponential_histogram,
        arrayExists(x -> notEmpty(x), m.summary) AS summary
    FROM
    (
        SELECT arrayFlatten(resource_metrics.scope_metrics.metrics) AS m
        FROM file({body:String}, 'ProtobufSingle', {structure:String})
    )
    SETTINGS format_schema = {schema:String}
)
