-- Which families of metrics a request holds.
SELECT
    max(notEmpty(m.gauge)) AS gauge,
    max(notEmpty(m.sum)) AS sum,
    max(notEmpty(m.histogram)) AS histogram,
    max(notEmpty(m.exponential_histogram)) AS exponential_histogram,
    max(notEmpty(m.summary)) AS summary
FROM
(
    SELECT arrayJoin(arrayFlatten(resource_metrics.scope_metrics.metrics)) AS m
    FROM file({body:String}, 'ProtobufSingle', {structure:String})
)
