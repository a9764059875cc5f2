-- The points of some metrics, each with the request that it came in and a hash of what owns it.
-- Each join takes one level of the nesting off and keeps of the level above no more than its hash.
SELECT body, cityHash64('$family', scope_hash, m.name, m.unit, $more) AS owner, arrayJoin($points) AS p
FROM
(
    SELECT body, cityHash64(resource_hash, s.scope) AS scope_hash, arrayJoin(s.metrics) AS m
    FROM
    (
        SELECT body, cityHash64(r.resource) AS resource_hash, arrayJoin(r.scope_metrics) AS s
        FROM
        (
            SELECT toUInt32(body) AS body, arrayJoin(q.resource_metrics) AS r
            FROM file({body:String}, 'ProtobufSingle', {structure:String})
            ARRAY JOIN requests AS q, arrayEnumerate(requests) AS body
        )
    )
)
