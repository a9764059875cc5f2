-- Series of remote write 1.0 that end in their one sample, as senders write them: a hash of what comes before it, and
-- the bytes of the sample. A sample is 18 bytes, or 9 without its value, which is 0 then; anything else is 0. And
-- whether the request tells of metrics besides.
SELECT
    toUInt32(body) AS body,
    toUInt8(multiIf(
        startsWith(tail, '\x12\x10\x09') AND substring(tail, 12, 1) = '\x10', 18,
        substring(tail, 10, 3) = '\x12\x07\x10', 9,
        0)) AS size,
    cityHash64('tail', substring(t, 1, length(t) - size)) AS raw,
    tail,
    has_metadata
FROM
(
    SELECT body, t, has_metadata, toFixedString(if(length(t) < 18, '', substring(t, -18)), 18) AS tail
    FROM
    (
        SELECT body, toUInt8(notEmpty(q.metadata)) AS has_metadata, arrayJoin(q.timeseries) AS t
        FROM file({body:String}, 'ProtobufSingle', {structure:String})
        ARRAY JOIN requests AS q, arrayEnumerate(requests) AS body
    )
)
