"""The catalogue knows what exporters call things, finds where they end, and says values for people."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.checks.scenes import Story
from wellkept.ops.detect.base import View
from wellkept.ops.detect.blind import Blind, Cause
from wellkept.ops.detect.catalogue import MEANINGS, amount, duration
from wellkept.ops.detect.signals import Signals, signals
from wellkept.ops.detect.words import labelled, subject
from wellkept.store.telemetry.window import SeriesInfo

DISK = "disk:h1:/data"
POD = "container:shop/web-1/app"
MOUNT = {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/data", "instance": "h1:9100", "job": "node"}


def found(story: Story, blind: Blind | None = None) -> Signals:
    scene = story.scene()

    view = View(
        scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, blind=blind or Blind()
    )
    return signals(view, lambda meaning: meaning.fills is not None)


def test_no_name_has_two_meanings() -> None:
    names = [meaning.name for meaning in MEANINGS]
    assert len(names) == len(set(names))


def test_what_is_free_is_turned_into_what_is_used() -> None:
    story = Story(steps=40)
    story.metric(DISK, "node_filesystem_avail_bytes", 60e9 - 1e9 * story.clock, "By", MOUNT)
    story.metric(DISK, "node_filesystem_size_bytes", np.full(40, 100e9), "By", MOUNT)
    rows = found(story)
    assert [meaning.resource for meaning in rows.meanings] == ["disk"]
    assert rows.limits[0] == 100e9
    assert (rows.values[0, 0], rows.values[0, -1]) == (40e9, 79e9)


def test_a_quota_ends_at_its_hard_value() -> None:
    story = Story(steps=40)
    labels = {"namespace": "shop", "resource": "pods"}
    story.metric("service:ksm", "kube_resourcequota", story.clock, "", {**labels, "type": "used"})
    story.metric("service:ksm", "kube_resourcequota", np.full(40, 50.0), "", {**labels, "type": "hard"})
    rows = found(story)
    assert (len(rows.meanings), rows.limits[0]) == (1, 50.0)


def test_the_collector_tells_of_quotas_by_the_resource() -> None:
    story = Story(steps=40)
    for resource, hard in (("pods", 50.0), ("requests.cpu", 8000.0)):
        story.metric("container:shop/rq", "k8s.resource_quota.used", story.clock, "", {"resource": resource})
        story.metric(
            "container:shop/rq", "k8s.resource_quota.hard_limit", np.full(40, hard), "", {"resource": resource}
        )
    assert found(story).limits.tolist() == [50.0, 8000.0]


def test_a_container_is_throttled_in_a_share_of_its_periods() -> None:
    story, labels = Story(steps=40), {"pod": "web-1", "container": "app"}
    story.metric(POD, "container_cpu_cfs_throttled_periods_total", np.full(40, 8.0), "1/s", labels)
    story.metric(POD, "container_cpu_cfs_periods_total", np.full(40, 10.0), "1/s", labels)
    scene = story.scene()
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph)
    assert signals(view, lambda meaning: meaning.resource == "cpu").limits.tolist() == [10.0]


def test_what_the_name_of_a_container_says_is_not_said_again() -> None:
    labels = {"pod": "web-1", "container": "app", "pool": "main"}
    assert subject(SeriesInfo(1, "used", "By", "gauge", POD, labels)) == "shop/web-1/app (pool main)"
    assert subject(SeriesInfo(1, "used", "By", "gauge", "service:kubelet", {"pod": "web-1"})) == "kubelet (pod web-1)"


def test_of_the_volumes_of_pods_the_claims_fill() -> None:
    story = Story(steps=40)
    for claim, volume in (("data-0", "persistentVolumeClaim"), ("config", "configMap")):
        labels = {"k8s.volume.type": volume}
        story.metric(f"container:shop/{claim}", "k8s.volume.available", 6e9 - 1e8 * story.clock, "By", labels)
        story.metric(f"container:shop/{claim}", "k8s.volume.capacity", np.full(40, 20e9), "By", labels)
    rows = found(story)
    assert [(info.entity, limit) for info, limit in zip(rows.series, rows.limits, strict=True)] == [
        ("container:shop/data-0", 20e9)
    ]
    assert rows.values[0, 0] == 14e9


def test_a_limit_of_nothing_is_none() -> None:
    story = Story(steps=40)
    labels = {"pod": "a", "container": "b"}
    story.metric("service:cadvisor", "container_memory_working_set_bytes", story.clock * 1e6, "By", labels)
    story.metric("service:cadvisor", "container_spec_memory_limit_bytes", np.zeros(40), "By", labels)
    assert np.isnan(found(story).limits).all()


def test_read_only_and_blind_are_left_out() -> None:
    story = Story(steps=40)
    story.metric(DISK, "node_filesystem_avail_bytes", story.clock, "By", {**MOUNT, "fstype": "squashfs"})
    assert found(story).meanings == ()
    seen = Story(steps=40)
    seen.disk(seen.clock, 50.0)
    assert len(found(seen).meanings) == 1
    assert found(seen, Blind(metrics={"system.filesystem.usage": Cause.CROWDED})).meanings == ()
    entity = seen.scene().metrics.series[0].entity
    assert found(seen, Blind(entities={entity: Cause.FROZEN})).meanings == ()


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1.2e9, "By", "1.2 GB"),
        (0.87, "1", "87 %"),
        (0.34, "s", "340 ms"),
        (250.0, "{connection}", "250"),
        (2e6, "By/s", "2 MB per second"),
        (3.0, "1/s", "3 per second"),
        (12.0, "%", "12 %"),
    ],
)
def test_values_are_said_with_their_unit(value: float, unit: str, said: str) -> None:
    assert amount(value, unit) == said


def test_lengths_of_time_are_said_in_the_unit_that_fits() -> None:
    assert [duration(s) for s in (40, 720, 12600, 4 * 86400)] == ["40 s", "12 min", "3.5 h", "4 days"]


def cpu(story: Story) -> Signals:
    scene = story.scene()
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph)
    return signals(view, lambda meaning: meaning.resource == "cpu")


@pytest.mark.parametrize(
    ("name", "mode", "core"),
    [
        ("system.cpu.time", "cpu.mode", "cpu.logical_number"),
        ("node_cpu_seconds_total", "mode", "cpu"),
        ("system.cpu.utilization", "cpu.mode", "cpu.logical_number"),
    ],
)
def test_the_cpu_of_a_host_is_what_its_cores_are_not_idle(name: str, mode: str, core: str) -> None:
    story = Story(steps=40)
    for number, idle in enumerate((0.5, 0.1)):
        story.metric("host:h1", name, np.full(40, idle), "1", {mode: "idle", core: str(number)})
        story.metric("host:h1", name, np.full(40, 1 - idle), "1", {mode: "user", core: str(number)})
    rows = cpu(story)
    assert [meaning.name for meaning in rows.meanings] == [name]
    assert rows.values[0] == pytest.approx(0.7)
    assert rows.limits[0] == 1.0


def test_of_a_host_that_tells_twice_how_busy_it_is_one_is_judged() -> None:
    story = Story(steps=40)
    for name in ("system.cpu.time", "system.cpu.utilization"):
        story.metric("host:h1", name, np.full(40, 0.4), "1", {"cpu.mode": "idle"})
    story.metric("host:h2", "system.cpu.time", np.full(40, 0.3), "1", {"cpu.mode": "idle"})
    rows = cpu(story)
    assert {info.entity: info.name for info in rows.series} == {
        "host:h1": "system.cpu.utilization",
        "host:h2": "system.cpu.time",
    }


@pytest.mark.parametrize(
    ("name", "resource", "states", "limit"),
    [
        ("system.filesystem.usage", "disk", {"used": 60e9, "free": 30e9, "reserved": 10e9}, 90e9),
        ("system.filesystem.inodes.usage", "inodes", {"used": 6e6, "free": 2e6}, 8e6),
        ("system.memory.usage", "memory", {"used": 3e9, "free": 1e9, "cached": 4e9, "slab_reclaimable": 2e9}, 8e9),
    ],
)
def test_where_no_limit_is_told_the_states_add_up_to_it(
    name: str, resource: str, states: dict[str, float], limit: float
) -> None:
    story = Story(steps=40)
    state = "system.memory.state" if resource == "memory" else "system.filesystem.state"
    for mountpoint, times in (("/data", 1.0), ("/other", 2.0)):
        entity = f"disk:h1:{mountpoint}"
        for said, value in states.items():
            labels = {state: said, "system.filesystem.mountpoint": mountpoint}
            story.metric(entity, name, np.full(40, times * value), "By", labels)
    rows = found(story)
    assert [meaning.resource for meaning in rows.meanings] == [resource] * 2
    assert rows.values[:, -1].tolist() == [states["used"], 2 * states["used"]]
    assert rows.limits.tolist() == [limit, 2 * limit]


def test_a_limit_that_is_told_counts_before_the_states() -> None:
    story = Story(steps=40)
    for said, value in (("used", 60e9), ("free", 30e9)):
        story.metric(DISK, "system.filesystem.usage", np.full(40, value), "By", {"system.filesystem.state": said})
    story.metric(DISK, "system.filesystem.limit", np.full(40, 100e9), "By")
    assert found(story).limits.tolist() == [100e9]
    alone = Story(steps=40)
    alone.metric(DISK, "system.filesystem.usage", np.full(40, 60e9), "By", {"system.filesystem.state": "used"})
    assert np.isnan(found(alone).limits).all()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            {"network.io.direction": "receive", "system.device": "eth0"},
            " (network.io.direction receive, system.device eth0)",
        ),
        ({"instance": "10.0.0.1:9100", "job": "node", "mode": "user"}, " (mode user)"),
        ({"a": "1", "b": "2", "c": "3", "d": "4"}, " (a 1, b 2, c 3)"),
        ({}, ""),
    ],
)
def test_a_series_that_nobody_knows_is_told_by_its_labels(labels: dict[str, str], words: str) -> None:
    assert labelled(SeriesInfo(1, "system.network.io", "By/s", "sum", "host:web-1", labels)) == f"web-1{words}"
