-- The most common values of each input in each step, and in how many rows they are: told by about as many rows of a step
-- as are wanted, drawn by their ids. Of values that are there once some are enough.
SELECT
    column, slot, sum(n) AS rows,
    arraySlice(arrayConcat(
        arraySort(found -> (-tupleElement(found, 1), tupleElement(found, 2)), groupArrayIf((n, value), is_again)),
        groupArrayIf({most:UInt32})((n, value), NOT is_again)), 1, {most:UInt32}) AS common,
    arrayMap(found -> tupleElement(found, 2), common) AS tops,
    arrayMap(found -> toUInt64(tupleElement(found, 1)), common) AS top_rows
FROM
(
    SELECT column, slot, value, toInt64(count() * any(every)) AS n, count() > 1 AS is_again
    FROM
    (
        SELECT
            toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
            transform(slot, {steps:Array(UInt32)}, {drawn:Array(UInt64)}, toUInt64(1)) AS every,
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
)
GROUP BY column, slot
ORDER BY column, slot
