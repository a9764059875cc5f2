-- Inputs that are words and no numbers: category by input. Older predictions have none.
ALTER TABLE predictions
    ADD COLUMN IF NOT EXISTS categories Map(LowCardinality(String), String) CODEC(ZSTD(1)) AFTER features;
