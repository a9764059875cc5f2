-- Scores of a version step by step: how many, how many of them were given to somebody (and not only tried), how many lie
-- above each edge.
SELECT
    slot, count() AS rows, countIf(is_given) AS answered,
    sumForEach(arrayMap(edge -> score > edge, {score_edges:Array(Float64)})) AS above,
    min(score) AS least, max(score) AS greatest
FROM
(
    SELECT
        toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
        score, attributes['shadow_of'] = '' AS is_given
    FROM predictions FINAL
-- include queries/counted_where.sql
    SETTINGS max_block_size = 8192, do_not_merge_across_partitions_select_final = 1
)
GROUP BY slot
ORDER BY slot
