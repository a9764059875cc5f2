"""A container that crashes again and again, or runs out of memory, is told of; a reboot and a rollout are not."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks.detectors import check_detector
from wellkept.checks.scenes import Story
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.detectors.restarts import Restarts

Floats = NDArray[np.float64]
CONTAINER = "container:shop/web-1/app"
STEPS = 180
CRASHES = (100, 102, 105, 110, 119, 136, 167)
"""Steps at which the kubelet restarts what ends at once: 10, 20, 40, 80, 160 and 300 s apart."""


def counted(times: tuple[int, ...]) -> Floats:
    """How often it was restarted up to each step."""
    return np.array([float(sum(at <= step for at in times)) for step in range(STEPS)])


def rate(times: tuple[int, ...], every: int = 1) -> Floats:
    """The same as a counter is shown that is asked every so many steps of 10 s."""
    told, level = np.full(STEPS, np.nan), counted(times)
    asked = np.arange(every, STEPS, every)
    told[asked] = (level[asked] - level[asked - every]) / (10.0 * every)
    return told


def look(story: Story, known: Mapping[str, Finding] | None = None) -> list[Finding]:
    scene = story.scene()
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, known or {})
    return Restarts().detect(view, scene.now)


def by_prometheus(times: tuple[int, ...], every: int = 1) -> Story:
    story = Story(steps=STEPS)
    name = "kube_pod_container_status_restarts_total"
    story.metric(CONTAINER, name, rate(times, every), "1/s", {"pod": "web-1", "container": "app"})
    return story


def test_it_holds_the_contract() -> None:
    check_detector(Restarts(), View)


@pytest.mark.parametrize(("every", "since"), [(1, "08:16:40"), (3, "08:17:00")])
def test_a_container_that_crashes_again_and_again_is_told_of(every: int, since: str) -> None:
    (finding,) = look(by_prometheus(CRASHES, every))
    assert (finding.entity, finding.severity) == (CONTAINER, Severity.WARNING)
    assert finding.sentence == f"Container shop/web-1/app was restarted 7 times in 13 min since {since} UTC."
    assert finding.attributes["title"] == "Container shop/web-1/app restarts"


@pytest.mark.parametrize("times", [(), (100,), (100, 130)], ids=["none", "a reboot", "a slow start"])
def test_one_or_two_restarts_are_none(times: tuple[int, ...]) -> None:
    assert look(by_prometheus(times)) == []


def test_a_single_end_out_of_memory_is_told_of() -> None:
    story = by_prometheus((170,))
    reason = {"pod": "web-1", "container": "app", "reason": "OOMKilled"}
    values = np.where(counted((170,)) > 0, 1.0, np.nan)
    story.metric(CONTAINER, "kube_pod_container_status_last_terminated_reason", values, "", reason)
    (finding,) = look(story)
    assert finding.sentence == ("Container shop/web-1/app was restarted once since 08:28:20 UTC; it was out of memory.")
    assert (finding.attributes["title"], finding.attributes["resource"]) == (
        "Container shop/web-1/app runs out of memory",
        "memory",
    )


def test_it_is_over_when_it_was_not_restarted_for_a_quarter_of_an_hour_or_is_gone() -> None:
    known = {finding.fingerprint: finding for finding in look(by_prometheus(CRASHES))}
    earlier = tuple(at - 60 for at in CRASHES)
    assert look(by_prometheus(earlier[:5]), known) == []
    gone = Story(steps=STEPS)
    values = rate(CRASHES)
    values[170:] = np.nan
    gone.metric(CONTAINER, "kube_pod_container_status_restarts_total", values, "1/s")
    assert look(gone, known) == []


def test_an_open_one_lasts_while_it_crashes_and_began_when_it_did() -> None:
    known = {finding.fingerprint: finding for finding in look(by_prometheus(CRASHES))}
    (later,) = look(by_prometheus(CRASHES[-1:]), known)
    assert [later.starts_at] == [finding.starts_at for finding in known.values()]


def test_a_count_of_the_collector_begins_anew_with_each_container_and_may_fall() -> None:
    story, level = Story(steps=STEPS), 57.0 + counted(CRASHES)
    edges = (0, *CRASHES, STEPS)
    for first, last in pairwise(edges):
        values = np.where((story.clock >= first) & (story.clock < last), level, np.nan)
        story.metric(CONTAINER, "k8s.container.restart.count", values, "{restart}")
    (finding,) = look(story)
    assert "was restarted 7 times" in finding.sentence
    pruned = Story(steps=STEPS)
    pruned.metric(CONTAINER, "k8s.container.restart.count", np.where(pruned.clock < 100, 57.0, 2.0), "{restart}")
    assert look(pruned) == []


def test_one_that_runs_for_six_minutes_and_waits_for_five_has_not_come_round() -> None:
    known = {finding.fingerprint: finding for finding in look(by_prometheus((44, 110, 176)))}
    assert [finding.fingerprint for finding in look(by_prometheus((51, 117)), known)] == list(known)


def by_two(one: Floats, other: Floats) -> Story:
    story = Story(steps=STEPS)
    for instance, values in (("10.0.0.1:8080", one), ("10.0.0.2:8080", other)):
        labels = {"pod": "web-1", "container": "app", "instance": instance}
        story.metric(CONTAINER, "kube_pod_container_status_restarts_total", values, "1/s", labels)
    return story


def test_what_two_tell_of_is_counted_once_and_another_one_goes_on_counting() -> None:
    story = Story(steps=STEPS)
    later = np.concatenate([[np.nan], rate((99, 129), 3)[:-1]])
    assert look(by_two(rate((100, 130), 3), later)) == [], "two restarts, of which two kube-state-metrics tell"
    every = rate(CRASHES)
    before, after = (np.where(is_told, every, np.nan) for is_told in (story.clock < 115, story.clock >= 116))
    (finding,) = look(by_two(before, after))
    assert "was restarted 7 times" in finding.sentence
