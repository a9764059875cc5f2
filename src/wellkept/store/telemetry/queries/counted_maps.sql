-- The same of predictions whose inputs are stored as a map, value by value. Bin -1 holds the nulls.
SELECT column, slot, bin, count() AS rows, min(value) AS least, max(value) AS greatest
FROM
(
    SELECT slot, column, value, if(isNull(value), -1, toInt32(arrayCount(edge -> assumeNotNull(value) > edge,
        {edges:Array(Array(Float64))}[indexOf({columns:Array(String)}, column)]))) AS bin
    FROM
    (
        SELECT
            toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
            mapKeys(all_features) AS called, mapValues(all_features) AS given
        FROM predictions FINAL
-- include queries/counted_where.sql
            AND names = '' AND notEmpty(features)
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    ARRAY JOIN called AS column, given AS value
    WHERE has({columns:Array(String)}, column)
)
GROUP BY column, slot, bin
ORDER BY column, slot, bin
