-- The samples themselves, each once and in order.
SELECT series, arrayMap(s -> s.1, samples) AS times, arrayMap(s -> s.2, samples) AS amounts
FROM
(
    SELECT series, arraySort(groupUniqArray((toUnixTimestamp64Milli(time), value))) AS samples
    FROM
    (
$points
    )
    WHERE reinterpretAsUInt64(value) != 0x7ff0000000000002
    GROUP BY series
)
