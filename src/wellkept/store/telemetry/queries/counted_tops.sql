-- The most common values of each input in each step, and in how many rows they are: told by about as many rows of a step
-- as are wanted, drawn by their ids.
SELECT column, slot, groupArray(value) AS tops, groupArray(n) AS top_rows, any(known) AS rows
FROM
(
    SELECT column, slot, value, count() * any(every) AS n, sum(n) OVER (PARTITION BY column, slot) AS known
    FROM
    (
        SELECT
            toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
            {every:Array(UInt64)}[slot + 1] AS every,
            if(names = '', mapKeys(all_features), splitByChar('\x1f', toString(names))) AS called,
            if(names = '', arrayMap(v -> ifNull(v, nan), mapValues(all_features)), inputs) AS given
        FROM predictions FINAL
-- include queries/counted_where.sql
            AND cityHash64(id) % every = 0
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    ARRAY JOIN called AS column, given AS value
    WHERE NOT isNaN(value)
    GROUP BY column, slot, value
    ORDER BY column, slot, n DESC, value
    LIMIT {most:UInt32} BY column, slot
)
GROUP BY column, slot
ORDER BY column, slot
