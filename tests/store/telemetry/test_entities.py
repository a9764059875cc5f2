"""The entity of a row is the same whether the engine works it out or Python does."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.kernel.entity import CLAIM, KUBERNETES, entity_of, host_of, service_id
from wellkept.store.telemetry.telemetry import Telemetry

KEYS = (
    "host.id",
    "host.name",
    "process.pid",
    "service.name",
    "service.namespace",
    "wellkept.model.name",
    "wellkept.feature.name",
    "system.filesystem.mountpoint",
    "mountpoint",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "k8s.node.name",
    CLAIM,
    *KUBERNETES,
    "other",
)
texts = st.sampled_from(
    ["", "x", "shop", "/data", "unknown_service", "unknown_service:java", "a:b/c", "é'\\", "x-29401200"]
)
maps = st.dictionaries(st.sampled_from(KEYS), texts)
check = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_ENTITY = """
SELECT wellkept_entity(r, a) AS entity, wellkept_service(r) AS service, wellkept_host(r) AS host
FROM (SELECT mapFromArrays({rk:Array(String)}, {rv:Array(String)}) AS r,
    mapFromArrays({ak:Array(String)}, {av:Array(String)}) AS a)"""


@check
@given(maps, maps)
def test_engine_and_kernel_agree(telemetry: Telemetry, resource: dict[str, str], own: dict[str, str]) -> None:
    parameters = {"rk": [*resource], "rv": [*resource.values()], "ak": [*own], "av": [*own.values()]}
    row = telemetry.engine.query(_ENTITY, parameters).to_pylist()[0]
    name = resource.get("service.name", "")
    is_named = name and not name.startswith("unknown_service")
    assert row == {
        "entity": entity_of(resource, own),
        "service": service_id(name, resource.get("service.namespace", "")) if is_named else "",
        "host": host_of(resource),
    }
