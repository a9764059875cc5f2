"""Remote write as the engine stores it, both versions, against what was sent."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.remote.messages import STALE, Labels, Samples, message, request1, request2

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.writer import Version, check_version
from wellkept.store.telemetry.telemetry import Telemetry

RECEIVED = 1_795_000_000_000_000_000
AT = RECEIVED // 1_000_000
UP: Labels = {"__name__": "up", "job": "api", "instance": "h1:80"}
_STORED = """
SELECT name, attributes, toUnixTimestamp64Milli(time) AS at, reinterpretAsUInt64(value) AS bits
FROM (SELECT DISTINCT series, time, value FROM metric_points) AS p
INNER JOIN (SELECT series, any(name) AS name, any(attributes) AS attributes FROM metric_series GROUP BY series) AS s
USING series"""
_SERIES = """
SELECT name, any(kind) AS kind, any(is_monotonic) AS is_monotonic, any(temporality) AS temporality, any(unit) AS unit,
    any(entity) AS entity FROM metric_series GROUP BY name"""
VERSIONS = [(Version.V1, request1), (Version.V2, request2)]
both = pytest.mark.parametrize(("version", "request_of"), VERSIONS)
many = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

names = st.sampled_from(["up", "load_1", "http_requests_total", "a:b"])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5)
labels_ = st.builds(
    lambda name, more: {"__name__": name, **more},
    names,
    st.dictionaries(st.sampled_from(["job", "instance", "le", "Zone", "_x"]), texts, max_size=4),
)
numbers = st.floats() | st.just(STALE) | st.sampled_from([0.0, -0.0, math.inf])
samples = st.lists(st.tuples(st.integers(AT - 10_000, AT), numbers), max_size=3, unique_by=lambda one: one[0])
requests = st.lists(st.tuples(labels_, samples), max_size=5, unique_by=lambda one: str(sorted(one[0].items())))


def stored(telemetry: Telemetry) -> list[tuple[str, Labels, int, int]]:
    rows = telemetry.engine.query(_STORED)
    columns = (
        rows["name"].to_pylist(),
        text_maps(rows["attributes"]),
        rows["at"].to_pylist(),
        rows["bits"].to_pylist(),
    )
    return sorted(zip(*columns, strict=True), key=_order)


def sent(*series: tuple[Labels, Samples]) -> list[tuple[str, Labels, int, int]]:
    found = [
        (labels["__name__"], {k: v for k, v in labels.items() if k != "__name__"}, at, bits(value))
        for labels, points in series
        for at, value in points
    ]
    return sorted(found, key=_order)


def _order(one: tuple[str, Labels, int, int]) -> tuple[str, list[tuple[str, str]], int, int]:
    return one[0], sorted(one[1].items()), one[2], one[3]


def bits(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def described(telemetry: Telemetry) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in telemetry.engine.query(_SERIES).to_pylist()}


@many
@both
@given(groups=st.lists(requests, min_size=1, max_size=3))
def test_what_is_stored_is_what_was_sent(
    telemetry: Telemetry, version: Version, request_of: Callable[..., bytes], groups: list[list[tuple[Labels, Samples]]]
) -> None:
    telemetry.engine.command("TRUNCATE TABLE metric_points")
    for number, group in enumerate(groups):
        for _, points in group:
            points[:] = [(at + number * 20_000, value) for at, value in points]
    receipts = telemetry.remote.insert(version, [request_of(*group) for group in groups], RECEIVED)
    assert stored(telemetry) == sent(*(series for group in groups for series in group))
    assert [one.items for one in receipts] == [sum(len(points) for _, points in group) for group in groups]


def test_both_versions_mean_the_same_series(telemetry: Telemetry) -> None:
    telemetry.remote.insert(Version.V1, [request1((UP, [(AT, 1.0)]))], RECEIVED)
    telemetry.remote.insert(Version.V2, [request2((UP, [(AT + 1, 0.0)]))], RECEIVED)
    assert telemetry.engine.query("SELECT uniqExact(series) AS n FROM metric_points")["n"].to_pylist() == [1]


@both
def test_a_stale_marker_is_kept_bit_for_bit(
    telemetry: Telemetry, version: Version, request_of: Callable[..., bytes]
) -> None:
    telemetry.remote.insert(version, [request_of((UP, [(AT, STALE)]))], RECEIVED)
    assert [found[3] for found in stored(telemetry)] == [0x7FF0000000000002]


@both
def test_a_sample_sent_again_is_one(telemetry: Telemetry, version: Version, request_of: Callable[..., bytes]) -> None:
    for _ in range(3):
        telemetry.remote.insert(version, [request_of((UP, [(AT, 1.0)]))] * 2, RECEIVED)
    assert telemetry.engine.query("SELECT count() AS n FROM metric_points FINAL")["n"].to_pylist() == [1]


@both
@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        ({"job": "api"}, "has no name"),
        ({"__name__": "", "job": "api"}, "has no name"),
        ({"__name__": "up", "": "x"}, "has a label without a name"),
    ],
)
def test_a_series_that_breaks_a_rule_is_refused(
    telemetry: Telemetry, version: Version, request_of: Callable[..., bytes], labels: Labels, rule: str
) -> None:
    with pytest.raises(InputError, match=rule):
        telemetry.remote.insert(version, [request_of((labels, [(AT, 1.0)]))], RECEIVED)
    assert stored(telemetry) == []


def test_a_label_that_is_there_twice_is_refused(telemetry: Telemetry) -> None:
    request = message("WriteRequest")
    series = request.timeseries.add()
    for name, value in (("__name__", "up"), ("a", "1"), ("a", "2")):
        series.labels.add(name=name, value=value)
    series.samples.add(timestamp=AT, value=1.0)
    with pytest.raises(InputError, match="has a label twice"):
        telemetry.remote.insert(Version.V1, [request.SerializeToString()], RECEIVED)


def test_an_empty_text_is_no_label(telemetry: Telemetry) -> None:
    telemetry.remote.insert(Version.V1, [request1(({**UP, "zone": ""}, [(AT, 1.0)]))], RECEIVED)
    telemetry.remote.insert(Version.V1, [request1((UP, [(AT + 1, 1.0)]))], RECEIVED)
    assert telemetry.engine.query("SELECT uniqExact(series) AS n FROM metric_points")["n"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda r: r.timeseries[0].labels_refs.append(1), "must refer to labels in pairs"),
        (lambda r: r.timeseries[0].labels_refs.extend([1, 99]), "must refer to symbols that are there"),
        (lambda r: setattr(r.timeseries[0].metadata, "help_ref", 99), "must refer to symbols that are there"),
        (lambda r: r.symbols.__setitem__(0, "x"), "must begin its symbols with the empty text"),
    ],
)
def test_references_of_version_2_must_hold(telemetry: Telemetry, change: Callable[[Any], None], rule: str) -> None:
    request = message("Request")
    request.ParseFromString(request2((UP, [(AT, 1.0)])))
    change(request)
    with pytest.raises(InputError, match=rule):
        telemetry.remote.insert(Version.V2, [request.SerializeToString()], RECEIVED)


def test_native_histograms_are_refused_and_the_samples_beside_them_stored(telemetry: Telemetry) -> None:
    for version, name, request_of in ((Version.V1, "WriteRequest", request1), (Version.V2, "Request", request2)):
        request = message(name)
        request.ParseFromString(request_of((UP, [(AT, 1.0)]), ({**UP, "instance": "h2:80"}, [])))
        request.timeseries[1].histograms.add(count_int=3, timestamp=AT)
        body = request.SerializeToString()
        receipts = telemetry.remote.insert(version, [body, request_of((UP, [(AT + 1, 1.0)]))], RECEIVED)
        assert [(one.items, one.rejected) for one in receipts] == [(1, 1), (1, 0)]
        assert "native histograms" in receipts[0].reason
    assert len(stored(telemetry)) == 2


def test_types_come_with_version_2_and_are_guessed_from_names_otherwise(telemetry: Telemetry) -> None:
    seen = [(AT, 1.0)]
    names = ["jobs_total", "wait_bucket", "wait_sum", "temperature"]
    telemetry.remote.insert(
        Version.V1, [request1(*(({"__name__": name, "le": "1"}, seen) for name in names))], RECEIVED
    )
    telemetry.remote.insert(Version.V2, [request2(({"__name__": "speed"}, seen), type=2, unit="mps")], RECEIVED)
    telemetry.remote.insert(Version.V2, [request2(({"__name__": "told"}, seen), type=1)], RECEIVED)
    found = described(telemetry)
    kinds = {name: (row["kind"], row["is_monotonic"], row["temporality"]) for name, row in found.items()}
    assert kinds == {
        "jobs_total": ("prometheus_counter", True, 2),
        "wait_bucket": ("prometheus_histogram", True, 2),
        "wait_sum": ("prometheus_unknown", True, 2),
        "temperature": ("prometheus_unknown", False, 0),
        "speed": ("prometheus_gauge", False, 0),
        "told": ("prometheus_counter", True, 2),
    }
    assert found["speed"]["unit"] == "mps"


def test_job_and_instance_make_the_service_and_a_node_exporter_the_host(telemetry: Telemetry) -> None:
    seen = [(AT, 1.0)]
    series: list[tuple[Labels, Samples]] = [
        ({"__name__": "up", "job": "shop/api", "instance": "h1:80"}, seen),
        ({"__name__": "node_load1", "job": "node", "instance": "h1:9100"}, seen),
        ({"__name__": "node_filesystem_free_bytes", "instance": "h1:9100", "mountpoint": "/var"}, seen),
        ({"__name__": "node_load5", "instance": "10.0.0.7:9100", "node": "n7"}, seen),
        ({"__name__": "node_memory_numa_MemFree", "instance": "h1:9100", "node": "0"}, seen),
        ({"__name__": "lonely"}, seen),
    ]
    telemetry.remote.insert(Version.V1, [request1(*series)], RECEIVED)
    assert {name: row["entity"] for name, row in described(telemetry).items()} == {
        "up": "service:shop/api",
        "node_load1": "host:h1",
        "node_filesystem_free_bytes": "disk:h1:/var",
        "node_load5": "host:n7",
        "node_memory_numa_MemFree": "host:h1",
        "lonely": "",
    }


PODS = {"job": "kubernetes-pods", "instance": "10.0.0.7:8080", "namespace": "shop"}
SLOW = {"job": "kubernetes-service-endpoints-slow", "instance": "10.0.0.7:8080"}
ISTIO = {**PODS, "app": "gateway", "source_canonical_service": "gateway", "destination_service_namespace": "shop"}


@pytest.mark.parametrize(
    ("name", "labels", "entity"),
    [
        ("up", {**PODS, "app_kubernetes_io_name": "web", "app": "chart"}, "service:shop/web"),
        ("up", {**PODS, "app": "web", "pod": "web-canary-7d9f8b6c5d-x7k2p"}, "service:shop/web"),
        ("up", {**PODS, "pod": "web-7d9f8b6c5d-x7k2p"}, "service:shop/web"),
        ("up", {**PODS, "pod": "db-0"}, "service:shop/db"),
        ("up", {**PODS, "pod": "agent-x7k2p"}, "service:shop/agent"),
        ("up", {**PODS, "pod": "alone"}, "service:shop/alone"),
        ("up", {**SLOW, "service": "web", "namespace": "shop"}, "service:shop/web"),
        ("up", {**SLOW, "kubernetes_name": "web", "kubernetes_namespace": "shop"}, "service:shop/web"),
        ("up", SLOW, "service:kubernetes-service-endpoints-slow"),
        ("up", {"job": "web", "app": "chart", "namespace": "shop", "pod": "web-0"}, "service:web"),
        ("istio_requests_total", {**ISTIO, "destination_canonical_service": "web"}, "service:shop/web"),
        ("istio_requests_total", {**ISTIO, "destination_canonical_service": "unknown", "destination_workload": "web"},
         "service:shop/web"),
        ("istio_requests_total", {**ISTIO, "destination_workload": "unknown"}, "service:shop/gateway"),
        ("istio_build", ISTIO, "service:shop/gateway"),
    ],
)  # fmt: skip
def test_a_scrape_job_for_all_pods_is_no_service_and_a_mesh_tells_of_whom_it_asked(
    telemetry: Telemetry, name: str, labels: Labels, entity: str
) -> None:
    telemetry.remote.insert(Version.V1, [request1(({"__name__": name, **labels}, [(AT, 1.0)]))], RECEIVED)
    assert described(telemetry)[name]["entity"] == entity


OF_SCRAPE = {"job": "kube-state-metrics", "instance": "10.0.0.9:8080", "node": "n9", "endpoint": "http"}
ASKED = {**OF_SCRAPE, "namespace": "monitoring", "pod": "ksm-0", "container": "ksm"}
HONORED = {**ASKED, "namespace": "shop"}


@pytest.mark.parametrize(
    ("name", "labels", "entity"),
    [
        ("kube_deployment_spec_replicas", {**HONORED, "deployment": "web"}, "container:shop/web"),
        ("kube_statefulset_replicas", {**HONORED, "statefulset": "db"}, "container:shop/db"),
        ("kube_persistentvolume_status_phase", {**HONORED, "persistentvolume": "pv-7", "phase": "Failed"},
         "container:pv-7"),
        ("kube_job_status_failed", {**HONORED, "job_name": "backup"}, "container:shop/backup"),
        ("kube_job_failed", {**HONORED, "job_name": "backup-29401200"}, "container:shop/backup"),
        ("kube_horizontalpodautoscaler_spec_max_replicas", {**HONORED, "horizontalpodautoscaler": "web"},
         "container:shop/web"),
        ("kube_resourcequota", {**HONORED, "resourcequota": "rq", "type": "hard"}, "container:shop/rq"),
        ("kube_pod_status_phase", {**HONORED, "pod": "web-1", "phase": "Running"}, "container:shop/web-1"),
        ("kube_pod_container_status_restarts_total", {**HONORED, "pod": "web-1", "container": "app"},
         "container:shop/web-1/app"),
        ("kube_pod_container_status_restarts_total",
         {**ASKED, "exported_namespace": "shop", "exported_pod": "web-1", "exported_container": "app"},
         "container:shop/web-1/app"),
        ("kube_node_status_condition", {**ASKED, "node": "n1", "condition": "Ready", "status": "true"}, "host:n1"),
        ("kube_configmap_info", {**HONORED, "configmap": "settings"}, "service:kube-state-metrics"),
        ("container_memory_working_set_bytes",
         {"job": "kubelet", "namespace": "shop", "pod": "web-1", "container": "app"},
         "container:shop/web-1/app"),
        ("container_memory_working_set_bytes", {"job": "kubelet", "id": "/", "namespace": "kube-system"},
         "service:kubelet"),
        ("kubelet_volume_stats_available_bytes",
         {"job": "kubelet", "namespace": "shop", "persistentvolumeclaim": "data-db-0"}, "container:shop/data-db-0"),
    ],
)  # fmt: skip
def test_what_tells_of_kubernetes_is_about_what_its_labels_name(
    telemetry: Telemetry, name: str, labels: Labels, entity: str
) -> None:
    telemetry.remote.insert(Version.V1, [request1(({"__name__": name, **labels}, [(AT, 1.0)]))], RECEIVED)
    assert described(telemetry)[name]["entity"] == entity


def test_a_request_of_one_version_is_not_read_as_the_other() -> None:
    check_version(Version.V1, request1((UP, [(AT, 1.0)])))
    check_version(Version.V2, request2((UP, [(AT, 1.0)])))
    check_version(Version.V1, b"")
    with pytest.raises(InputError, match=r"is of version 2\.0"):
        check_version(Version.V1, request2((UP, [(AT, 1.0)])))
    with pytest.raises(InputError, match=r"is of version 1\.0"):
        check_version(Version.V2, request1((UP, [(AT, 1.0)])))
    with pytest.raises(InputError, match="does not begin with a field of it"):
        check_version(Version.V1, b"<html>")


@both
def test_damage_is_the_senders_fault(telemetry: Telemetry, version: Version, request_of: Callable[..., bytes]) -> None:
    body = request_of(({**UP, "zone": "x" * 50}, [(AT, 1.0)]))
    with pytest.raises(InputError, match="cannot be decoded"):
        telemetry.remote.insert(version, [body[:-5]], RECEIVED)


@pytest.mark.parametrize(
    ("version", "body"),
    [(Version.V1, b"\x0a\x00" * (5 << 20)), (Version.V2, b"\x2a\x00" * (9 << 20))],
    ids=["1.0", "2.0"],
)
def test_millions_of_empty_series_are_the_senders_fault(telemetry: Telemetry, version: Version, body: bytes) -> None:
    """Compressed, such a body is small; decoded, it would take gigabytes."""
    with pytest.raises(InputError, match="holds too much to be decoded at once"):
        telemetry.remote.insert(version, [body], RECEIVED)


def test_metadata_of_version_1_is_noted(telemetry: Telemetry) -> None:
    request = message("WriteRequest")
    request.metadata.add(type=1, metric_family_name="jobs_total", help="Jobs so far.", unit="")
    telemetry.remote.insert(Version.V1, [request1((UP, [(AT, 1.0)])), request.SerializeToString()], RECEIVED)
    rows = telemetry.engine.query("SELECT metric, type, help FROM prometheus_metadata FINAL").to_pylist()
    assert rows == [{"metric": "jobs_total", "type": "counter", "help": "Jobs so far."}]


def test_metadata_beside_series_is_noted_too(telemetry: Telemetry) -> None:
    both_of_them = message("WriteRequest")
    both_of_them.ParseFromString(request1((UP, [(AT, 1.0)])))
    both_of_them.metadata.add(type=2, metric_family_name="up", help="Whether it answers.")
    for _ in range(2):
        assert telemetry.remote.insert(Version.V1, [both_of_them.SerializeToString()], RECEIVED) == [Receipt(1)]
        rows = telemetry.engine.query("SELECT metric, help FROM prometheus_metadata FINAL").to_pylist()
        assert rows == [{"metric": "up", "help": "Whether it answers."}]
        telemetry.engine.command("TRUNCATE TABLE prometheus_metadata")


def test_a_histogram_before_a_sample_is_told_each_time(telemetry: Telemetry) -> None:
    """Fields may come in any order: the series ends in its sample nevertheless."""
    labels = request1((UP, []))
    histogram, sample = b"\x22\x02\x08\x03", request1(({}, [(AT, 1.0)]))[2:]
    content = labels[2:] + histogram + sample
    body = b"\x0a" + bytes([len(content)]) + content
    for _ in range(2):
        (receipt,) = telemetry.remote.insert(Version.V1, [body], RECEIVED)
        assert (receipt.items, receipt.rejected) == (1, 1)
