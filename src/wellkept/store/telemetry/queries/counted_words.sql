-- Inputs that are words, step by step: how many of each category. Place 0 holds all others, -1 those without a value.
-- Rows are grouped by a hash of column and word: numbers are grouped several times as fast as texts.
SELECT
    column, slot,
    if(word = '', -1,
        toInt32(indexOf({words:Array(Array(String))}[indexOf({columns:Array(String)}, column)], word))) AS place,
    sum(n) AS rows
FROM
(
    SELECT slot, mark, any(key) AS column, any(given) AS word, count() AS n
    FROM
    (
        SELECT
            toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
            mapKeys(categories) AS keys, mapValues(categories) AS words,
            arrayMap((k, v) -> cityHash64(k, v), keys, words) AS marks
        FROM predictions FINAL
-- include queries/counted_where.sql
        SETTINGS max_block_size = 8192, do_not_merge_across_partitions_select_final = 1
    )
    ARRAY JOIN keys AS key, words AS given, marks AS mark
    GROUP BY slot, mark
)
WHERE has({columns:Array(String)}, column)
GROUP BY column, slot, place
ORDER BY column, slot, place
