-- The points of some metrics, each with everything that owns it.
SELECT
    resource, scope,
    m.name AS name,
    m.unit AS unit,
    $kind AS base_kind,
    $is_monotonic AS is_monotonic,
    $temporality AS temporality,
    arrayJoin($points) AS p
FROM
(
    SELECT resource, s.scope.name AS scope, arrayJoin(s.metrics) AS m
    FROM
    (
        SELECT wellkept_pairs(r.resource.attributes) AS resource, arrayJoin(r.scope_metrics) AS s
        FROM (SELECT arrayJoin(resource_metrics) AS r FROM file({body:String}, 'ProtobufSingle', {structure:String}))
    )
)
