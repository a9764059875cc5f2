-- The same for what has no function on a grid: every sample goes to each of the steps in whose windows it lies.
SELECT series, groupArray(step) AS steps, groupArray(amount) AS amounts
FROM
(
    SELECT
        series,
        arrayJoin(range(
            toUInt32(greatest(0, toInt64(ceil((millis - {start:Int64}) / {step_ms:Int64})))),
            toUInt32(greatest(0, least(
                {count:Int64}, toInt64(ceil((millis + {window_ms:Int64} - {start:Int64}) / {step_ms:Int64})))))
        )) AS step,
        $aggregate AS amount
    FROM
    (
        SELECT series, toUnixTimestamp64Milli(time) AS millis, any(value) AS sample
        FROM
        (
$points
        )
        WHERE reinterpretAsUInt64(value) != 0x7ff0000000000002
        GROUP BY series, millis
    )
    GROUP BY series, step
)
GROUP BY series
