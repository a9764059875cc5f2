-- The points of one family of metrics, each with everything that owns it.
SELECT
    resource, scope,
    m.name AS name,
    m.unit AS unit,
    $is_monotonic AS is_monotonic,
    $temporality AS temporality,
    arrayJoin(m.$family.data_points) AS p
FROM
(
    SELECT resource, s.scope.name AS scope, arrayJoin(s.metrics) AS m
    FROM
    (
        SELECT wellkept_pairs(r.resource.attributes) AS resource, arrayJoin(r.scope_metrics) AS s
        FROM (SELECT arrayJoin(resource_metrics) AS r FROM file({body:String}, 'ProtobufSingle', {structure:String}))
    )
)
