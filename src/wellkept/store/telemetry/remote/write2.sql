-- Remote write 2.0 requests, one row each, in columns: symbols as hashes, and what every series refers to and holds.
SELECT
    arrayMap(s -> cityHash64(s), q.symbols) AS hashes,
    notEmpty(q.timeseries.labels_refs) AND (empty(q.symbols) OR q.symbols[1] != '') AS lacks_first,
    q.timeseries.labels_refs AS refs,
    q.timeseries.samples.timestamp AS at,
    q.timeseries.samples.value AS value,
    arrayMap(h -> toUInt32(length(h)), q.timeseries.histograms) AS histograms,
    q.timeseries.metadata.type AS types,
    q.timeseries.metadata.unit_ref AS units,
    q.timeseries.metadata.help_ref AS helps
FROM file({body:String}, 'ProtobufSingle', {structure:String})
ARRAY JOIN requests AS q
