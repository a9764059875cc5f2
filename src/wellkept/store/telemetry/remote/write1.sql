-- Series of remote write 1.0 requests as they came: a hash of the labels' bytes, and the samples.
SELECT
    toUInt32(body) AS body,
    cityHash64(t.labels) AS raw,
    t.samples.timestamp AS at,
    t.samples.value AS value,
    toUInt32(length(t.histograms)) AS histograms
FROM
(
    SELECT body, arrayJoin(q.timeseries) AS t
    FROM file({body:String}, 'ProtobufSingle', {structure:String})
    ARRAY JOIN requests AS q, arrayEnumerate(requests) AS body
)
