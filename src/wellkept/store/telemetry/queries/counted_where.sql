WHERE model = {model:String} AND version = {version:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
    AND ({slice:String} = '' OR {value:String} = multiIf(
        mapContains(categories, {slice:String}), categories[{slice:String}],
        mapContains(attributes, {slice:String}), attributes[{slice:String}],
        ifNull(toString(all_features[{slice:String}]), '')))
