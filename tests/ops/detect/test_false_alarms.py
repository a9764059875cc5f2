"""Few false alarms is a promise: healthy telemetry in many shapes, looked at again and again, and alarms counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wellkept.checks.scenes import CHECKOUT, FEATURES, HOST, PAYMENTS, Scene, Story, healthy
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.replicas import Replicas
from wellkept.ops.detect.detectors.restarts import Restarts
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.detectors.states import States

SETTINGS = DetectSettings()


def watch(scene: Scene, settings: DetectSettings = SETTINGS, every: int = 5) -> list[Finding]:
    """Slide the window over a long scene as the runner would, and gather everything that is said."""
    detectors: tuple[Detector, ...] = (
        RobustAnomaly(settings),
        Exhaustion(settings),
        MissingData(settings),
        Restarts(settings),
        Replicas(settings),
        States(settings),
    )
    said: list[Finding] = []
    for last in range(settings.min_points, len(scene.metrics.times) + 1, every):
        now = scene.between(max(0, last - settings.steps), last)
        view = View(now.metrics, now.red, now.exclusive, now.logs, now.step_s, now.graph)
        for detector in detectors:
            said.extend(detector.detect(view, now.now))
    return said


def steady(story: Story) -> None:
    healthy(story)


def daily(story: Story) -> None:
    """Six hours of a daily rhythm: load and latency rise and fall with the sun."""
    day = 1.0 + 0.5 * np.sin(2 * np.pi * story.clock * story.step_s / 86_400.0)
    for entity in (CHECKOUT, PAYMENTS):
        story.span(entity, "span.rate", story.noise(20.0, 2.0) * day, "1/s")
        story.span(entity, "span.duration.p95", story.noise(0.05, 0.006) * day, "s")
        story.metric(entity, "process.cpu.utilization", story.noise(0.2, 0.03) * day)


def single_spikes(story: Story) -> None:
    """One slow step now and then, one busy minute of CPU below saturation."""
    slow = story.noise(0.05, 0.005)
    slow[::37] = 3.0
    story.span(CHECKOUT, "span.duration.p95", slow, "s")
    cpu = story.noise(0.2, 0.05)
    cpu[500:506] = 0.85
    story.metric(CHECKOUT, "process.cpu.utilization", cpu)


def idle(story: Story) -> None:
    """Hardly any traffic: latencies of single requests, and silence between them."""
    rare = np.where(story.clock % 7 == 0, story.noise(0.05, 0.04), np.nan)
    story.span(FEATURES, "span.duration.p95", rare, "s")
    story.span(FEATURES, "span.rate", np.where(story.clock % 7 == 0, 0.1, np.nan), "1/s")
    story.metric(HOST, "system.network.io", story.noise(10.0, 5.0) ** 3, "By/s")


def garbage_collection(story: Story) -> None:
    """Sawtooth memory with several periods, all shorter than half of the window."""
    for number, period in enumerate((11, 25, 40, 80)):
        saw = 150e6 + 200e6 * ((story.clock % period) / period) + story.noise(3e6, 2e6)
        story.memory(f"service:gc/{number}", saw, 512e6)


def warm_up(story: Story) -> None:
    """A cache that fills and levels off, and a random walk that stays where it is."""
    story.memory(CHECKOUT, 100e6 + 150e6 * (1 - np.exp(-story.clock / 60)) + story.noise(2e6, 1e6), 512e6)
    story.memory(PAYMENTS, 200e6 + np.cumsum(story.noise(1e6, 1e5) - 1e6), 512e6)


def jumps(story: Story) -> None:
    """A large file is written at once, and later deleted; a batch job takes memory and gives it back."""
    files = 40e6 + np.where((story.clock > 300) & (story.clock < 900), 60e6, 0.0)
    story.disk(files, 200e6)
    story.memory(PAYMENTS, 100e6 + np.where(story.clock % 400 > 350, 200e6, 0.0) + story.noise(2e6, 1e6), 512e6)


def restarts(story: Story) -> None:
    """A service is gone for five steps, twice."""
    cpu = story.noise(0.1, 0.02)
    for at in (300, 900):
        cpu[at : at + 5] = np.nan
    story.metric(CHECKOUT, "process.cpu.utilization", cpu)


def kubernetes(story: Story) -> None:
    """What a cluster does all day: pods that wait for a node to be added, an image that is pulled at the second try, a
    job that is begun again and goes well, an hourly job that failed once, a peak that an autoscaler answers with all
    it may, a node that evicts a pod because of its disk, and a rollout.
    """
    clock, absent = story.clock, np.nan
    web, pod, job = "container:shop/web", "container:shop/web-1", "container:shop/backup"
    pending, pulls, evicts = clock % 700 < 60, clock % 900 < 24, clock % 800 < 45
    story.metric(pod, "kube_pod_status_phase", pending.astype(float), "", {"phase": "Pending"})
    story.metric(pod, "kube_pod_status_unschedulable", np.where(pending, 1.0, absent), "")
    waiting = {"reason": "ErrImagePull"}
    story.metric(f"{pod}/app", "kube_pod_container_status_waiting_reason", np.where(pulls, 1.0, absent), "", waiting)
    evicted = {"condition": "DiskPressure", "status": "true"}
    story.metric("host:n1", "kube_node_status_condition", evicts.astype(float), "", evicted)
    for of, values in (("desired", np.where(clock % 600 < 80, 10.0, 4.0)), ("max", 10.0), ("min", 2.0)):
        story.metric(web, f"k8s.hpa.pod.{of}", np.broadcast_to(values, clock.shape), "")
    active = clock % 360 < 90
    done = (clock % 360 >= 90).astype(float)
    for of, values in (("failed", 1.0), ("active", active), ("successful", done), ("desired_successful", 1.0)):
        name = {"k8s.job.name": "migrate"}
        story.metric("container:shop/migrate", f"k8s.job.pod.{of}", np.broadcast_to(values, clock.shape), "", name)
    failed = {"k8s.job.name": "backup-29401200", "condition": "true"}
    story.metric(job, "kube_job_failed", np.where(clock >= 400, 1.0, absent), "", failed)
    complete = {"k8s.job.name": "backup-29401203", "condition": "true"}
    story.metric(job, "kube_job_complete", np.where(clock >= 420, 1.0, absent), "", complete)
    rolls = clock % 500
    story.metric(web, "kube_deployment_spec_replicas", np.full(len(clock), 10.0), "")
    story.metric(web, "kube_deployment_status_replicas_available", np.where(rolls < 100, 9.0, 10.0), "")
    story.metric(web, "kube_deployment_status_replicas_updated", np.minimum(10.0, 1 + rolls // 10), "")


QUIET: tuple[Callable[[Story], None], ...] = (
    steady, daily, single_spikes, idle, garbage_collection, warm_up, jumps, restarts, kubernetes,
)  # fmt: skip


@pytest.mark.parametrize("tell", QUIET, ids=lambda tell: tell.__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_six_healthy_hours_raise_no_alarm(tell: Callable[[Story], None], seed: int) -> None:
    story = Story(steps=2160, step_s=10.0, seed=seed)
    tell(story)
    said = watch(story.scene())
    assert [finding.sentence for finding in said] == []
