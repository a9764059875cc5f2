-- What series are called. (An alias would hide a column of the same name from the conditions.)
SELECT series, any(metric) AS called, any(labels) AS labelled, any(is_delta) AS in_deltas
FROM prometheus_series
WHERE ($conditions) AND series IN {series:Array(UInt64)}
GROUP BY series
