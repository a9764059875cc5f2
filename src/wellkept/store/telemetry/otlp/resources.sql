-- The resources of concatenated requests, again once in a minute of the time of receipt.
INSERT INTO resources
SELECT
    resource, {signal:String} AS signal, wellkept_present_resource(wellkept_map(any(pairs))) AS attributes,
    fromUnixTimestamp64Nano({received:Int64}) AS first_seen, first_seen AS last_seen
FROM
(
    SELECT pairs, cityHash64(pairs) AS resource
    FROM
    (
        SELECT arrayJoin(arrayMap(a -> wellkept_pairs(a), holders.resource.attributes)) AS pairs
        FROM file({body:String}, 'ProtobufSingle', {structure:String})
    )
)
WHERE (resource, toStartOfMinute(fromUnixTimestamp64Nano({received:Int64}))) NOT IN
    (SELECT resource, toStartOfMinute(last_seen) FROM resources WHERE signal = {signal:String})
GROUP BY resource
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0
