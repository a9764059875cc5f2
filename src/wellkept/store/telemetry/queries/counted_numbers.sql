-- Inputs that are numbers, of the predictions whose inputs are called alike, step by step: how many lie above each edge.
-- The edges come by their place: the first edge of every input, the second, ... Nothing lies above the highest number.
-- What is compared at once stays in the processor's cache.
SELECT
    slot, count() AS rows,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_0:Array(Float64)})) AS above_0,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_1:Array(Float64)})) AS above_1,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_2:Array(Float64)})) AS above_2,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_3:Array(Float64)})) AS above_3,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_4:Array(Float64)})) AS above_4,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_5:Array(Float64)})) AS above_5,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_6:Array(Float64)})) AS above_6,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_7:Array(Float64)})) AS above_7,
    sumForEach(arrayMap((v, e) -> v > e, inputs, {edges_8:Array(Float64)})) AS above_8,
    sumForEach(arrayMap(v -> isNaN(v), inputs)) AS nulls,
    minForEach(inputs) AS least, maxForEach(inputs) AS greatest
FROM
(
    SELECT toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot, inputs
    FROM predictions FINAL
-- include queries/counted_where.sql
        AND names = {names:String}
    SETTINGS max_block_size = 8192, do_not_merge_across_partitions_select_final = 1
)
GROUP BY slot
ORDER BY slot
