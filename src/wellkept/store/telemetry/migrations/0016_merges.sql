-- A merge takes in more parts at once: rows are merged fewer times, at little more for readers.
ALTER TABLE otel_logs MODIFY SETTING merge_selector_base = 10;
ALTER TABLE otel_traces MODIFY SETTING merge_selector_base = 10;
