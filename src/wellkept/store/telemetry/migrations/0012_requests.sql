-- Which request a row came with, so that one that is sent again is known after a restart, too: a hash of its body, the
-- number of its rows, and when it was received. Rows of one request lie close together: these columns cost next to
-- nothing. Older rows have 0, which is no request.
ALTER TABLE otel_logs
    ADD COLUMN IF NOT EXISTS Request UInt64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RequestRows UInt64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Received DateTime64(9, 'UTC') CODEC(ZSTD(1));

ALTER TABLE otel_traces
    ADD COLUMN IF NOT EXISTS Request UInt64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RequestRows UInt64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Received DateTime64(9, 'UTC') CODEC(ZSTD(1));
