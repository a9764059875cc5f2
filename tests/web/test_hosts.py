"""Hosts on the pages: by the names that people know them by."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.web import scene as scenes
from tests.web import stories
from tests.web.conftest import NOW, browsing, served

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.finding import Evidence, FindingKind, Severity
from wellkept.sdk.otlp import MetricsBatch
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.window import SeriesInfo, Window
from wellkept.web.readings import Readings, _mean
from wellkept.web.recent import Recent
from wellkept.web.views.endpoints import endpoint_rows
from wellkept.web.views.systems import host_rows, service_rows
from wellkept.web.views.usage import Usage

MACHINE = "3d1219c7c4c5404aaa1f6d2a48adfda4"


def test_pages_say_hosts_by_their_names_and_escape_them(tmp_path: Path) -> None:
    with contextlib.closing(scenes.empty(tmp_path, NOW)) as scene:
        scene.deps.topology.observe([Entity(EntityKind.HOST, f"host:{MACHINE}", "web-<1>")], [], NOW)
        said = FindingKind.FORECAST, Severity.ERROR, 5.0, "It fills.", Evidence("system.filesystem.usage")
        full = stories.finding(scene, f"disk:{MACHINE}:/var", *said)
        found = stories.incident(scene, "It fills", [full], "the first finding of this incident")
        scene.deps.stream.save_incident(found)

        with served(scene) as address, browsing(address) as browser:
            for path in ("/findings", "/incidents", f"/incidents/{found.id}"):
                page = browser.get(path).text
                assert "web-&lt;1&gt;:/var" in page, path
                assert "web-<1>" not in page, path


def test_hosts_and_services_that_count_alone_have_their_figures(tmp_path: Path) -> None:
    """CPU time by core, and requests by status, as a collector and Prometheus tell of them: no shares, no traces."""
    host, web = {"host.id": "h1", "host.name": "web-1"}, {"service.name": "web"}
    with contextlib.closing(scenes.empty(tmp_path, NOW)) as scene:
        bodies = []
        for step in range(100):
            batch = MetricsBatch("test", to_nanos(NOW - timedelta(seconds=15 * (99 - step))))
            for core, idle in (("0", 0.5), ("1", 0.1)):
                labels = {"cpu.mode": "idle", "cpu.logical_number": core}
                batch.counter(host, "system.cpu.time", "s", 15 * step * idle, labels)
            batch.counter(web, "http_requests_total", "", 150.0 * step, {"code": "200"})
            batch.counter(web, "http_requests_total", "", 30.0 * step, {"code": "503"})
            batch.counter(web, "http_request_duration_seconds_count", "", 180.0 * step, {})
            batch.counter(web, "http_request_duration_seconds_sum", "", 45.0 * step, {})
            bodies.append(batch.request.SerializeToString())
        scene.telemetry.otlp.insert(Signal.METRICS, bodies, to_nanos(NOW))
        readings = Readings(scene.telemetry, Recent(scene.deps.clock), scene.deps.clock)
        entities = [Entity(EntityKind.HOST, "host:h1", "web-1"), Entity(EntityKind.SERVICE, "service:web", "web")]
        scene.deps.topology.observe(entities, [], NOW)

        (of_host,) = host_rows(scene.deps.topology, readings, [], {}, NOW)
        (of_web,) = service_rows(scene.deps.topology, readings, [], {}, NOW)

    newest = [next(v for v in reversed(spark.values) if np.isfinite(v)) for spark in (of_host.cpu, of_web.rate)]
    assert newest == pytest.approx([0.7, 12.0], rel=0.01)
    newest = [next(v for v in reversed(spark.values) if np.isfinite(v)) for spark in (of_web.errors, of_web.duration)]
    assert newest == pytest.approx([2.0, 0.25], rel=0.01)
    assert of_web.duration.title == "Mean duration"


def test_endpoints_of_a_service_that_counts_alone_are_a_table_of_its_page(tmp_path: Path) -> None:
    """Young: it was first heard of 20 minutes ago."""
    web = {"service.name": "web"}
    within = {("/", "200"): (90.0, 95.0, 100.0), ("/pay", "200"): (0.0, 1.0, 9.0), ("/pay", "500"): (0.0, 1.0, 1.0)}
    with contextlib.closing(scenes.empty(tmp_path, NOW)) as scene:
        bodies = []
        for step in range(80):
            batch = MetricsBatch("test", to_nanos(NOW - timedelta(seconds=15 * (79 - step))))
            for (route, code), counts in within.items():
                labels = {"handler": route, "method": "GET", "code": code}
                for bound, count in zip(("0.1", "0.5", "+Inf"), counts, strict=True):
                    at_most = {**labels, "le": bound}
                    batch.counter(web, "http_request_duration_seconds_bucket", "", 15.0 * count * step, at_most)
                for part, each in (("count", 1.0), ("sum", 0.3)):
                    total = 15.0 * each * counts[-1] * step
                    batch.counter(web, f"http_request_duration_seconds_{part}", "", total, labels)
            bodies.append(batch.request.SerializeToString())
        scene.telemetry.otlp.insert(Signal.METRICS, bodies, to_nanos(NOW))
        readings = Readings(scene.telemetry, Recent(scene.deps.clock), scene.deps.clock)

        for hours in (1, 24):
            first, second = endpoint_rows(readings, "service:web", NOW - timedelta(hours=hours), NOW, hours * 30.0)
            assert (first.name, second.name) == ("GET /", "GET /pay")
            assert (first.rate, first.failed, first.p95_s) == pytest.approx((100.0, 0.0, 0.5))
            assert (second.rate, second.failed, second.p95_s) == pytest.approx((10.0, 0.1, 0.5))
        assert endpoint_rows(readings, "host:a", NOW - timedelta(hours=1), NOW, 30.0) == ()


def test_endpoints_that_are_told_as_deltas_are_told_of_all_of_the_time(tmp_path: Path) -> None:
    """One had 60 requests in one minute of an hour, the other one each second."""
    moments = [(minute, "/", 60.0) for minute in range(60)] + [(30, "/rare", 60.0)]
    info = {n: SeriesInfo(n, "http_requests_total", "", "sum", "service:web", {"route": r}, {}, is_delta=True)
            for n, r in enumerate(("/", "/rare"))}  # fmt: skip
    values = np.full((60, 2), np.nan)
    for minute, route, count in moments:
        values[minute, int(route == "/rare")] = count / 60
    whole = _mean(Window(np.arange(60.0) * 60, values, tuple(info.values())))
    assert whole.values[0].tolist() == pytest.approx([1.0, 1 / 60])


def window(*told: tuple[str, str, dict[str, str], float]) -> Window:
    """Two steps, in each of which series (name, entity, attributes) have a value."""
    series = tuple(SeriesInfo(n, name, "", "gauge", entity, own) for n, (name, entity, own, _) in enumerate(told))
    return Window(np.array([10.0, 20.0]), np.full((2, len(told)), [value for *_, value in told]), series)


def test_usage_is_known_of_what_a_collector_sends() -> None:
    state = {"memory": "system.memory.state", "disk": "system.filesystem.state"}
    usage = Usage(
        window(
            *(("system.memory.usage", "host:a", {state["memory"]: s}, v) for s, v in (("used", 3e9), ("free", 5e9))),
            ("system.memory.usage", "host:a", {state["memory"]: "slab_reclaimable"}, 4e9),
            *(
                ("system.filesystem.usage", "disk:a:/", {state["disk"]: s}, v)
                for s, v in (("used", 6.0), ("free", 2.0))
            ),
            ("system.filesystem.usage", "disk:a:/run", {state["disk"]: "used", "system.filesystem.type": "tmpfs"}, 1.0),
        )
    )
    assert usage.memory("host:a").share == pytest.approx(3 / 8)
    assert usage.disks == ["disk:a:/"]
    assert (usage.disk("disk:a:/").share.tolist(), usage.disk("disk:a:/").size) == ([0.75, 0.75], 8.0)
    assert len(usage.memory("host:b").share) == len(usage.disk("disk:a:/run").share) == 0


def test_usage_is_known_of_what_node_exporter_and_client_libraries_send() -> None:
    usage = Usage(
        window(
            ("node_memory_MemAvailable_bytes", "host:a", {}, 2e9),
            ("node_memory_MemTotal_bytes", "host:a", {}, 8e9),
            ("node_filesystem_avail_bytes", "disk:a:/", {"fstype": "ext4"}, 25.0),
            ("node_filesystem_size_bytes", "disk:a:/", {"fstype": "ext4"}, 100.0),
            ("node_filesystem_size_bytes", "disk:a:/snap", {"fstype": "squashfs"}, 100.0),
            ("process_resident_memory_bytes", "service:web", {}, 5e7),
        )
    )
    assert usage.memory("host:a").share.tolist() == [0.75, 0.75]
    assert usage.disks == ["disk:a:/"]
    assert usage.disk("disk:a:/").size == 100.0
    assert usage.of_service("service:web").tolist() == [5e7, 5e7]


def over_time(*told: tuple[str, str, dict[str, str], list[float]]) -> Usage:
    """Usage by series with a value in each of four steps, every one of another sender."""
    series = tuple(
        SeriesInfo(n, name, "", "gauge", entity, own, {"service.instance.id": str(n)})
        for n, (name, entity, own, _) in enumerate(told)
    )
    return Usage(Window(np.arange(1.0, 5.0) * 10, np.array([values for *_, values in told]).T, series))


OLD, NEW = [0.4, 0.4, np.nan, np.nan], [np.nan, np.nan, 0.75, 0.75]


@pytest.mark.parametrize("told", [(OLD, NEW), (NEW, OLD)])
def test_what_a_restarted_sender_tells_goes_on_from_what_it_told_before(told: tuple[list[float], ...]) -> None:
    """Its series are others, in no order."""
    idle, used = {"cpu.mode": "idle"}, {"state": "used"}
    usage = over_time(
        *(("system.cpu.utilization", "host:a", idle, values) for values in told),
        *(("system.memory.utilization", "host:a", used, values) for values in told),
        *(("system.filesystem.utilization", "disk:a:/", used, values) for values in told),
        *(("node_memory_MemAvailable_bytes", "host:b", {}, values) for values in told),
        *(("node_memory_MemTotal_bytes", "host:b", {}, [1.0] * 4) for _ in told),
        *(("process.memory.usage", "service:web", {}, values) for values in told),
    )
    assert usage.cpu("host:a").tolist() == usage.memory("host:b").share.tolist() == [0.6, 0.6, 0.25, 0.25]
    for found in (usage.memory("host:a"), usage.disk("disk:a:/")):
        assert found.share.tolist() == [0.4, 0.4, 0.75, 0.75]
    assert usage.of_service("service:web").tolist()[2:] == [0.75, 0.75]


def test_memory_that_two_tell_of_is_there_once() -> None:
    told = [("system.memory.usage", "host:a", {"state": state}, [v] * 4) for state, v in (("used", 3.0), ("free", 5.0))]
    usage = over_time(*told, *told)
    assert (usage.memory("host:a").share.tolist(), usage.memory("host:a").size) == ([0.375] * 4, 8.0)


def test_information_that_is_over_is_not_on_the_page_of_a_host(tmp_path: Path) -> None:
    host = "host:h1"
    with contextlib.closing(scenes.empty(tmp_path, NOW)) as scene:
        scene.deps.topology.observe([Entity(EntityKind.HOST, host, "web-1")], [], NOW)
        for severity, words in ((Severity.INFO, "It hums."), (Severity.WARNING, "It groans.")):
            said = FindingKind.ANOMALY, severity, 5.0, words, Evidence(f"a.{severity.name}")
            over = stories.finding(scene, host, *said)
            scene.deps.stream.close([over.fingerprint], NOW)
        with served(scene) as address, browsing(address) as browser:
            text = browser.get("/system", params={"entity": host}).text
    assert "It groans." in text
    assert "It hums." not in text
