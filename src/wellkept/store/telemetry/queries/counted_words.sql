-- Inputs that are words, step by step: how many of each category. Place 0 holds all others, -1 those without a value.
SELECT
    column, slot,
    if(word = '', -1,
        toInt32(indexOf({words:Array(Array(String))}[indexOf({columns:Array(String)}, column)], word))) AS place,
    sum(n) AS rows
FROM
(
    SELECT slot, column, word, count() AS n
    FROM
    (
        SELECT
            toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
            mapKeys(categories) AS called, mapValues(categories) AS given
        FROM predictions FINAL
-- include queries/counted_where.sql
        SETTINGS do_not_merge_across_partitions_select_final = 1
    )
    ARRAY JOIN called AS column, given AS word
    WHERE has({columns:Array(String)}, column)
    GROUP BY slot, column, word
)
GROUP BY column, slot, place
ORDER BY column, slot, place
