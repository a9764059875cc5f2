-- The labels of some series of remote write 1.0 requests, by their places.
SELECT position, t.labels.name AS names, t.labels.value AS texts, toInt32(0) AS type, '' AS unit, '' AS help
FROM
(
    SELECT rowNumberInAllBlocks() AS position, t
    FROM
    (
        SELECT arrayJoin(arrayFlatten(requests.timeseries)) AS t
        FROM file({body:String}, 'ProtobufSingle', {structure:String})
    )
)
WHERE position IN {positions:Array(UInt64)}
ORDER BY position
