WHERE model = {model:String} AND version = {version:String} AND slice = {sliced:String}
    AND slot >= toDateTime(intDiv({start:Int64}, 1000), 'UTC') AND slot < toDateTime(intDiv({end:Int64}, 1000), 'UTC')
    AND {keys:Array(UInt64)}[indexOf({columns:Array(String)}, column)] = key
    AND has({columns:Array(String)}, column)
