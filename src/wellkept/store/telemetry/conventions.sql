-- Present names for what OpenTelemetry's semantic conventions renamed: the rules of kernel/conventions.py, whose table is
-- bound when the functions are made, at every opening.
CREATE OR REPLACE FUNCTION wellkept_present_name AS (name) ->
    transform(name, {metrics_old:Array(String)}, {metrics_new:Array(String)}, name);

-- ``names`` are the present names of the keys of ``m``. A key whose present name is there as well, or is taken by one
-- before it, stays as it is.
CREATE OR REPLACE FUNCTION wellkept_renamed AS (m, names) -> wellkept_map(arraySort(arrayMap(
    (k, v, new, place) -> (if(has(mapKeys(m), new) OR indexOf(names, new) != place, toString(k), new), v),
    mapKeys(m), mapValues(m), names, arrayEnumerate(names))));

CREATE OR REPLACE FUNCTION wellkept_present_attributes AS (name, m) -> wellkept_renamed(m, arrayMap(
    k -> firstNonDefault(
        arrayFirst(
            (new, old, prefix) -> old = k AND startsWith(name, prefix),
            {attributes_new:Array(String)}, {attributes_old:Array(String)}, {prefixes:Array(String)}),
        toString(k)),
    mapKeys(m)));

CREATE OR REPLACE FUNCTION wellkept_present_resource AS (m) -> wellkept_renamed(m, arrayMap(
    k -> transform(toString(k), {resource_old:Array(String)}, {resource_new:Array(String)}, toString(k)), mapKeys(m)));
