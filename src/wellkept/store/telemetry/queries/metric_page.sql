-- A page of the series of a metric, by id. A key is looked up in the attributes, and then in those of the resource.
SELECT series
FROM metric_series
WHERE name = {name:String}
    AND last_seen >= fromUnixTimestamp64Milli({since:Int64}) AND first_seen <= fromUnixTimestamp64Milli({until:Int64})
    AND ({entity:String} = '' OR entity = {entity:String})
    AND arrayAll(
        (k, v) -> if(attributes[k] != '', attributes[k], resource_attributes[k]) = v,
        {keys:Array(String)}, {values:Array(String)})
    AND arrayAll(
        (k, v) -> if(attributes[k] != '', attributes[k], resource_attributes[k]) != v,
        {other_keys:Array(String)}, {other_values:Array(String)})
    AND series > {after:UInt64}
GROUP BY series
ORDER BY series
LIMIT {limit:UInt64}
