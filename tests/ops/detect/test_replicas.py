"""A workload that lacks pods is told of when it is stuck; rollouts, scale-ups and drained nodes are not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks.detectors import check_detector
from wellkept.checks.scenes import Story
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.detectors.replicas import Replicas

Floats = NDArray[np.float64]
WEB = "container:shop/web"
STEPS = 180
KUBE = ("kube_deployment_spec_replicas", "kube_deployment_status_replicas_available")
UPDATED = "kube_deployment_status_replicas_updated"
OTEL = ("k8s.deployment.pod.desired", "k8s.deployment.pod.available")


def told(wanted: Floats, available: Floats, updated: Floats | None = None, names: tuple[str, str] = KUBE) -> Story:
    story = Story(steps=len(wanted))
    story.metric(WEB, names[0], wanted, "", {"deployment": "web"})
    story.metric(WEB, names[1], available, "", {"deployment": "web"})
    if updated is not None:
        story.metric(WEB, UPDATED, updated, "", {"deployment": "web"})
    return story


def look(story: Story, known: Mapping[str, Finding] | None = None) -> list[Finding]:
    scene = story.scene()
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, known or {})
    return Replicas().detect(view, scene.now)


def steps(*parts: tuple[int, float]) -> Floats:
    """So many steps of each value."""
    return np.concatenate([np.full(count, value) for count, value in parts])


THREE = np.full(STEPS, 3.0)


def test_it_holds_the_contract() -> None:
    check_detector(Replicas(), View)


@pytest.mark.parametrize("names", [KUBE, OTEL])
@pytest.mark.parametrize("every", [1, 3])
def test_pods_that_do_not_come_back_are_told_of(names: tuple[str, str], every: int) -> None:
    asked = np.arange(STEPS) % every == 0
    available = np.where(asked, steps((117, 3), (63, 1)), np.nan)
    (finding,) = look(told(np.where(asked, THREE, np.nan), available, names=names))
    assert (finding.entity, finding.severity) == (WEB, Severity.WARNING)
    assert finding.attributes["title"] == "Deployment shop/web has too few pods available"
    assert finding.sentence == "Deployment shop/web has 1 of 3 pods available since 08:19:30 UTC (10 min)."


def test_it_may_take_ten_minutes() -> None:
    assert look(told(THREE, steps((125, 3), (55, 1)))) == []


def test_none_left_for_five_minutes_is_an_error() -> None:
    (finding,) = look(told(THREE, steps((148, 3), (32, 0))))
    assert (finding.severity, finding.attributes["symptom"]) == (Severity.ERROR, "yes")
    assert finding.sentence == "Deployment shop/web has none of 3 pods available since 08:24:40 UTC (5 min)."


def test_what_never_had_any_is_no_outage() -> None:
    (finding,) = look(told(steps((60, 0), (120, 3)), steps((60, 0), (120, 0))))
    assert finding.severity is Severity.WARNING


def rollout(each: int) -> tuple[Floats, Floats]:
    """20 pods in turn, each of which needs so many steps: how many are available, and how many are updated."""
    clock = np.arange(STEPS)
    updated = np.minimum(20, 1 + clock // each).astype(np.float64)
    return np.where(updated < 20, 19.0 - (clock % each == 0), 20.0), updated


@pytest.mark.parametrize("is_told", [True, False])
def test_a_long_rollout_is_none(is_told: bool) -> None:
    available, updated = rollout(10)
    assert available[-1] < 20
    assert look(told(np.full(STEPS, 20.0), available, updated if is_told else None)) == []


def test_a_rollout_that_is_stuck_is_told_of_though_pods_flap() -> None:
    available = np.where(np.arange(STEPS) % 7 == 0, 2.0, 1.0)
    available[:60] = 3.0
    updated = steps((60, 3), (120, 1))
    (finding,) = look(told(THREE, available, updated))
    assert finding.severity is Severity.WARNING


def test_a_scale_up_that_goes_on_and_a_scale_down_are_none() -> None:
    clock = np.arange(STEPS)
    wanted = np.where(clock < 60, 3.0, 50.0)
    assert look(told(wanted, np.where(clock < 60, 3.0, 3 + (clock - 60) // 4), wanted)) == []
    assert look(told(np.where(clock < 60, 50.0, 3.0), np.where(clock < 62, 50.0, 3.0), wanted)) == []
    assert look(told(np.where(clock < 60, 3.0, 0.0), np.where(clock < 62, 3.0, 0.0), wanted)) == []


def test_an_open_one_lasts_until_all_are_there_or_nobody_tells() -> None:
    stuck = told(THREE, steps((100, 3), (80, 1)))
    known = {finding.fingerprint: finding for finding in look(stuck)}
    (again,) = look(told(THREE, steps((100, 1), (80, 2))), known)
    assert again.starts_at <= next(iter(known.values())).starts_at
    assert look(told(THREE, steps((170, 1), (10, 3))), known) == []
    ended = steps((100, 3), (70, 1), (10, np.nan))
    assert look(told(np.where(np.isnan(ended), np.nan, THREE), ended), known) == []


def test_another_kube_state_metrics_goes_on_telling_of_the_same() -> None:
    available = steps((100, 3), (80, 1))
    known = {finding.fingerprint: finding for finding in look(told(THREE, available))}
    story = Story(steps=STEPS)
    for instance, is_told in (("10.0.0.1:8080", story.clock < 150), ("10.0.0.2:8080", story.clock >= 151)):
        for name, values in zip(KUBE, (THREE, available), strict=True):
            labels = {"deployment": "web", "instance": instance}
            story.metric(WEB, name, np.where(is_told, values, np.nan), "", labels)
    (finding,) = look(story)
    assert finding.sentence == "Deployment shop/web has 1 of 3 pods available since 08:16:40 UTC (13 min)."
    assert [again.fingerprint for again in look(story, known)] == list(known)


def test_workloads_of_one_name_in_several_clusters_are_told_of_one_by_one() -> None:
    story = Story(steps=STEPS)
    for cluster, available in (("eu", THREE), ("us", steps((100, 3), (80, 1))), ("asia", steps((100, 3), (80, 0)))):
        for name, values in zip(KUBE, (THREE, available), strict=True):
            story.metric(WEB, name, values, "", {"deployment": "web", "cluster": cluster})
    found = {finding.sentence[:52]: finding for finding in look(story)}
    assert sorted(found) == [
        "Deployment shop/web of cluster asia has none of 3 po",
        "Deployment shop/web of cluster us has 1 of 3 pods av",
    ]
    assert {finding.entity for finding in found.values()} == {WEB}
