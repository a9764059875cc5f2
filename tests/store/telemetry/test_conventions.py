"""The engine and the kernel give the same present names."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.kernel.conventions import (
    ATTRIBUTES,
    METRICS,
    RESOURCE,
    present_attributes,
    present_name,
    present_resource,
)
from wellkept.store.telemetry.telemetry import Telemetry

own = sorted({*(old for _, old, _ in ATTRIBUTES), *(new for _, _, new in ATTRIBUTES), "other", ""})
of_resource = sorted({*RESOURCE, *RESOURCE.values(), "service.name"})
names = st.sampled_from(sorted({*METRICS, *METRICS.values(), *(prefix + "x" for prefix, _, _ in ATTRIBUTES), "mine"}))
check = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_PRESENT = """
SELECT
    wellkept_present_name(name) AS present,
    wellkept_present_attributes(present, a) AS attributes,
    wellkept_present_resource(r) AS resource
FROM
(
    SELECT
        materialize({name:String}) AS name,
        wellkept_map(arrayZip({ak:Array(String)}, {av:Array(String)})) AS a,
        wellkept_map(arrayZip({rk:Array(String)}, {rv:Array(String)})) AS r
)"""


def maps(keys: list[str], few: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Maps in the order of their keys, as they are stored; some with keys that are renamed to one."""
    texts = st.sampled_from(["", "x", "é'\\"])
    chosen = st.dictionaries(st.sampled_from(keys) | st.sampled_from(few), texts, max_size=6)
    return chosen.map(lambda found: dict(sorted(found.items())))


@check
@given(
    names,
    maps(own, ["state", "cpu.mode", "system.cpu.state", "device"]),
    maps(of_resource, ["deployment.environment", "deployment.environment.name"]),
)
def test_engine_and_kernel_agree(
    telemetry: Telemetry, name: str, attributes: dict[str, str], resource: dict[str, str]
) -> None:
    parameters = {
        "name": name,
        "ak": [*attributes],
        "av": [*attributes.values()],
        "rk": [*resource],
        "rv": [*resource.values()],
    }
    row = telemetry.engine.query(_PRESENT, parameters).to_pylist()[0]
    assert row == {
        "present": present_name(name),
        "attributes": list(present_attributes(present_name(name), attributes).items()),
        "resource": list(present_resource(resource).items()),
    }
