-- Requests of remote write 1.0, one behind the other, field by field: every field of one is a number and bytes with their
-- length before them, which is how the engine writes a row of a byte and a text. The reader looks whether it was so.
-- Of a series that ends in its one sample, as senders write them, a hash of what comes before it, and the bytes of the
-- sample. A sample is 18 bytes, or 9 without its value, which is 0 then; anything else is 0.
SELECT
    field,
    toUInt32(length(t)) AS length,
    toUInt8(multiIf(
        startsWith(tail, '\x12\x10\x09') AND substring(tail, 12, 1) = '\x10', 18,
        substring(tail, 10, 3) = '\x12\x07\x10', 9,
        0)) AS size,
    cityHash64('tail', substring(t, 1, length(t) - size)) AS raw,
    tail
FROM
(
    SELECT field, t, toFixedString(if(length(t) < 18, '', substring(t, -18)), 18) AS tail
    FROM file({body:String}, 'RowBinary', 'field UInt8, t String', {packing:String})
)
