-- Words of predictions repeat: as numbers of a dictionary they are read and counted several times as fast as texts.
ALTER TABLE predictions
    MODIFY COLUMN categories Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1));
