"""Silence is one finding per entity; short silence is none; everybody's silence is one without an entity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from wellkept.checks.scenes import CHECKOUT, FEATURES, HOST, PAYMENTS, Scene, Story
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.detectors.missing import MissingData

SETTINGS = DetectSettings()


def said(scene: Scene, open_ones: dict[str, Finding] | None = None) -> list[Finding]:
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, open_ones or {})
    return MissingData(SETTINGS).detect(view, scene.now)


def speaking(story: Story, *entities: str) -> None:
    for entity in entities:
        for name in ("process.cpu.utilization", "process.memory.usage", "process.open_file_descriptor.count"):
            story.metric(entity, name, story.noise(0.1, 0.02))


def silent_since(story: Story, entity: str, step: int) -> None:
    for name in ("process.cpu.utilization", "process.memory.usage"):
        story.metric(entity, name, np.where(story.clock >= step, np.nan, story.noise(0.1, 0.02)))


def test_one_finding_for_all_series_of_a_silent_service() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, PAYMENTS, 170)
    found = said(story.scene())
    assert [(f.entity, f.kind, f.severity) for f in found] == [(PAYMENTS, FindingKind.MISSING_DATA, Severity.ERROR)]


def test_a_restart_is_no_finding() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, PAYMENTS, 180 - SETTINGS.missing_steps + 1)
    assert said(story.scene()) == []


def test_a_slow_reporter_is_not_late() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    rare = np.where(story.clock % 8 == 0, 1.0, np.nan)
    story.metric(PAYMENTS, "process.memory.usage", rare)
    assert said(story.scene()) == []


def test_a_slow_reporter_is_missed_by_its_own_rhythm() -> None:
    for silent, expected in ((17, []), (18, [PAYMENTS])):  # the third word does not come, either
        story = Story()
        speaking(story, CHECKOUT, HOST)
        last = 179 - silent
        told = ((last - story.clock) % 6 == 0) & (story.clock <= last)
        story.metric(PAYMENTS, "process.memory.usage", np.where(told, 1.0, np.nan))
        found = said(story.scene())
        assert [finding.entity for finding in found] == expected
    assert "which had reported every 60 s, 27 times before, since 08:27:00 UTC (3 min)" in found[0].sentence


def test_who_speaks_now_and_then_is_not_missed() -> None:
    for seed in range(20):
        story = Story()
        speaking(story, CHECKOUT, HOST)
        told = (np.random.default_rng(seed).random(180) < 0.2) & (story.clock < 150)
        story.metric(PAYMENTS, "process.memory.usage", np.where(told, 1.0, np.nan))
        assert said(story.scene()) == []


def test_processes_disks_and_pods_may_go() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, "process:h1:4711", 150)
    silent_since(story, "disk:h1:/mnt/usb", 150)
    silent_since(story, "container:shop/web-1", 150)
    assert said(story.scene()) == []


def test_when_all_are_silent_it_is_the_way_to_us() -> None:
    story = Story()
    for entity in (CHECKOUT, PAYMENTS, FEATURES, HOST):
        silent_since(story, entity, 165)
    found = said(story.scene())
    assert [(f.entity, f.severity) for f in found] == [("", Severity.CRITICAL)]
    assert "4 reporters" in found[0].sentence


def test_who_comes_and_goes_does_not_hide_that_all_are_silent() -> None:
    story = Story()
    for entity in (CHECKOUT, PAYMENTS, HOST):
        silent_since(story, entity, 165)
    story.metric("service:shop/job", "jobs.done", np.where((story.clock > 20) & (story.clock < 28), 1.0, np.nan))
    assert [finding.entity for finding in said(story.scene())] == [""]


def test_it_is_not_said_of_all_while_a_slow_one_may_speak_yet() -> None:
    for silent, expected in ((6, []), (7, [""])):
        story = Story()
        for entity in (CHECKOUT, PAYMENTS, HOST):
            silent_since(story, entity, 180 - silent)
        slow = ((story.clock - (179 - silent)) % 7 == 0) & (story.clock < 180 - silent)
        story.metric(FEATURES, "process.memory.usage", np.where(slow, 1.0, np.nan))
        assert [finding.entity for finding in said(story.scene())] == expected


def test_a_service_that_says_it_is_down_is_believed() -> None:
    story = Story()
    speaking(story, CHECKOUT, PAYMENTS)
    story.metric(PAYMENTS, "service.up", np.where(story.clock >= 174, 0.0, 1.0))
    found = said(story.scene())
    assert [f.entity for f in found] == [PAYMENTS]
    assert "service.up is 0" in found[0].sentence
    blink = Story()
    blink.metric(PAYMENTS, "service.up", np.where(blink.clock >= 178, 0.0, 1.0))
    assert said(blink.scene()) == []


def test_who_is_down_for_longer_than_the_window_is_so_since_it_began() -> None:
    story = Story()
    story.metric(PAYMENTS, "service.up", np.where(story.clock >= 30, 0.0, 1.0))
    (first,) = said(story.scene())
    began = first.starts_at - timedelta(hours=26)
    story = Story()
    story.metric(PAYMENTS, "service.up", np.zeros(len(story.clock)))
    (found,) = said(story.scene(), {first.fingerprint: replace(first, starts_at=began)})
    assert found.starts_at == began
    assert f"since {began:%d %b %H:%M:%S} UTC (26.4 h)" in found.sentence


def test_silence_longer_than_the_window_does_not_end_by_that() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, PAYMENTS, 170)
    first = said(story.scene())[0]
    later = Story()
    speaking(later, CHECKOUT, HOST)
    assert said(later.scene(), {first.fingerprint: first}) == [first]
    back = Story()
    speaking(back, CHECKOUT, HOST, PAYMENTS)
    assert said(back.scene(), {first.fingerprint: first}) == []
