-- Inputs that are numbers as one row of numbers, and their names once for all rows that have the same: a map repeats the
-- names in every row, which costs a third of what storing and merging predictions costs, and most of what counting does.
-- NaN is no value. Older predictions, and the few with names that cannot be joined, have them in features; all_features
-- is both. Values of measurements do not get smaller, only slower to read, by more than LZ4.
ALTER TABLE predictions
    ADD COLUMN IF NOT EXISTS names LowCardinality(String) AFTER features,
    ADD COLUMN IF NOT EXISTS inputs Array(Float64) CODEC(LZ4) AFTER names,
    ADD COLUMN IF NOT EXISTS all_features Map(String, Nullable(Float64)) ALIAS if(
        names = '',
        CAST(features, 'Map(String, Nullable(Float64))'),
        CAST(
            mapFromArrays(splitByChar('\x1f', toString(names)), arrayMap(v -> if(isNaN(v), NULL, v), inputs)),
            'Map(String, Nullable(Float64))'));

-- Each row keeps the number of the block that it came with, so that what is new since a moment can be asked for.
ALTER TABLE predictions MODIFY SETTING enable_block_number_column = 1;
