"""Leaks and filling disks are forecast, in time, with a true time to the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from wellkept.checks.scenes import CHECKOUT, DISK, Scene, Story, healthy
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.detectors.exhaustion import Exhaustion

PRODUCTION = DetectSettings()
DEMO = DetectSettings(step_s=2.0, window_s=180.0, horizon_s=600.0)


def said(scene: Scene, settings: DetectSettings, last: int, *open_ones: Finding) -> list[Finding]:
    now = scene.between(max(0, last - settings.steps), last)
    known = {finding.fingerprint: finding for finding in open_ones}
    view = View(now.metrics, now.red, now.exclusive, now.logs, now.step_s, now.graph, known)
    return Exhaustion(settings).detect(view, now.now)


def first_said(scene: Scene, settings: DetectSettings, since: int) -> tuple[int, Finding]:
    for last in range(settings.steps // 2, len(scene.metrics.times) + 1):
        found = said(scene, settings, last)
        if found:
            assert last > since, f"said {found[0].sentence} before anything grew"
            return last, found[0]
    raise AssertionError("nothing was said")


@pytest.mark.parametrize("settings", [PRODUCTION, DEMO], ids=["production", "demo"])
def test_a_leak_under_garbage_collection_is_forecast(settings: DetectSettings) -> None:
    start, total = settings.steps, settings.steps * 3
    story = Story(steps=total, step_s=settings.step_s)
    grown = np.maximum(0.0, story.clock - start) * 400e6 / (total - start)
    saw = 20e6 * ((story.clock % 9) / 9)
    story.memory(CHECKOUT, 100e6 + grown + saw + story.noise(2e6, 1e6), 512e6)
    scene = story.scene()
    last, finding = first_said(scene, settings, start)
    assert last - start <= 60
    assert (finding.entity, finding.kind) == (CHECKOUT, FindingKind.FORECAST)
    late = said(scene, settings, start + settings.steps)[0]
    left = 512e6 - late.evidence[0].values["level"]
    truth = left / (400e6 / (total - start) / settings.step_s)
    values = late.evidence[0].values
    assert values["low"] <= truth <= values["high"]
    assert abs(values["seconds_to_limit"] - truth) / truth < 0.25


def test_a_disk_that_fills_is_forecast_as_demo() -> None:
    story = Story(steps=200, step_s=2.0)
    healthy_part = 40e6 + 0.1e6 * (story.clock % 10)
    bursts = np.floor(np.maximum(0.0, story.clock - 90) / 2) * 2 * 1e6
    story.disk(np.minimum(200e6, healthy_part + bursts), 200e6)
    last, finding = first_said(story.scene(), DEMO, 90)
    assert last <= 90 + 40
    assert finding.entity == DISK
    assert finding.severity >= Severity.WARNING
    assert finding.evidence[0].limit == 200e6
    assert len(finding.evidence[0].points) <= 60


def test_a_quota_that_was_forecast_to_be_used_up_is_so_then_and_no_other_is_said_to_be() -> None:
    story = Story(steps=300)
    used = np.minimum(22.0, 2.0 + np.floor(story.clock / 10))
    for kind, values in (("used", used), ("hard", np.full(300, 20.0))):
        story.metric("container:shop/rq", "kube_resourcequota", values, "", {"resource": "pods", "type": kind})
    (forecast,) = said(story.scene(), PRODUCTION, 170)
    assert (forecast.kind, forecast.evidence[0].values["seconds_to_limit"] > 0) == (FindingKind.FORECAST, True)
    (full,) = said(story.scene(), PRODUCTION, 215, forecast)
    assert (full.fingerprint, full.kind, full.severity) == (
        forecast.fingerprint,
        FindingKind.THRESHOLD,
        Severity.WARNING,
    )
    assert "is at 22 of 20 since 08:30:00 UTC: it is full, and was running out since" in full.sentence
    assert said(story.scene(), PRODUCTION, 215) == []


def test_a_full_disk_stays_a_finding_when_it_no_longer_grows() -> None:
    story = Story(steps=300)
    story.disk(np.minimum(199e6, 40e6 + 1e6 * story.clock), 200e6)
    found = said(story.scene(), PRODUCTION, 290)
    assert [(f.kind, f.severity) for f in found] == [(FindingKind.THRESHOLD, Severity.CRITICAL)]
    growing = said(story.scene(), PRODUCTION, 140)
    assert growing[0].fingerprint == found[0].fingerprint


def test_a_full_disk_says_since_when_however_long_it_lasts() -> None:
    story = Story(steps=900)
    story.disk(np.minimum(199e6, 40e6 + 1e6 * story.clock), 200e6)
    (growing,) = said(story.scene(), PRODUCTION, 140)
    assert f"(since {growing.starts_at:%H:%M:%S} UTC)" in growing.sentence
    (still,) = said(story.scene(), PRODUCTION, 150, growing)
    assert f"(running out since {growing.starts_at:%H:%M:%S} UTC)" in still.sentence
    (alone,) = said(story.scene(), PRODUCTION, 170)
    known, own = growing, alone
    for last in (170, 300, 600, 900):
        (known,) = said(story.scene(), PRODUCTION, last, known)
        (own,) = said(story.scene(), PRODUCTION, last, own)
        assert (known.starts_at, own.starts_at) == (growing.starts_at, alone.starts_at)
        assert own.sentence.endswith("is at 199 MB of 200 MB since 08:25:40 UTC: it is full.")
        began = f"{growing.starts_at:%H:%M:%S} UTC"
        assert known.sentence.endswith(f"since 08:25:40 UTC: it is full, and was running out since {began}.")


def test_what_was_full_when_it_was_first_heard_of_is_full_since_then() -> None:
    story = Story()
    story.disk(np.where(story.clock < 90, np.nan, 199e6), 200e6)
    (found,) = said(story.scene(), PRODUCTION, 180)
    assert found.sentence.endswith("is at 199 MB of 200 MB since 08:15:00 UTC: it is full.")


@pytest.mark.parametrize("every", [4, 5, 6])
@pytest.mark.parametrize(("used", "is_full"), [(3.2e9, False), (7.9e9, True)])
def test_memory_that_is_told_of_rarely_is_as_full_as_it_was_told(every: int, used: float, is_full: bool) -> None:
    story = Story(steps=300)
    told = story.clock % every == 0
    story.memory(CHECKOUT, np.where(told, used, np.nan), 8e9)
    looks = [said(story.scene(), PRODUCTION, last) for last in range(240, 300)]
    assert {finding.kind for found in looks for finding in found} == ({FindingKind.THRESHOLD} if is_full else set())


def test_what_is_full_since_yesterday_says_the_day() -> None:
    story = Story()
    story.disk(np.full(180, 199e6), 200e6)
    (known,) = said(story.scene(), PRODUCTION, 180)
    began = known.starts_at - timedelta(days=1)
    values = {**known.evidence[0].values, "full_since": began.timestamp()}
    known = replace(known, starts_at=began, evidence=(replace(known.evidence[0], values=values),))
    (told,) = said(story.scene(), PRODUCTION, 180, known)
    assert told.sentence.endswith("since 01 Nov 08:00:00 UTC: it is full.")


def test_usage_and_utilization_of_one_disk_are_one_finding() -> None:
    story = Story(steps=180)
    used = 40e6 + 0.8e6 * story.clock
    story.disk(used, 200e6)
    where = {"system.filesystem.mountpoint": "/var/log/shop", "system.filesystem.state": "used"}
    story.metric(DISK, "system.filesystem.utilization", used / 200e6, attributes=where)
    assert len(said(story.scene(), PRODUCTION, 180)) == 1


def test_a_read_only_filesystem_is_always_full_and_nobodys_business() -> None:
    story = Story(steps=180)
    snap = {"system.filesystem.state": "used", "system.filesystem.type": "squashfs"}
    story.metric("disk:h1:/snap/core", "system.filesystem.utilization", story.noise(1.0, 0.0), attributes=snap)
    assert said(story.scene(), PRODUCTION, 180) == []


def test_growth_without_a_known_limit_is_no_forecast() -> None:
    story = Story(steps=180)
    story.metric(CHECKOUT, "process.memory.usage", 100e6 + 2e6 * story.clock, "By")
    assert said(story.scene(), PRODUCTION, 180) == []


def test_a_forecast_looks_no_further_than_its_growth_bears() -> None:
    """Four minutes of growth say nothing about what is hours away."""
    story = Story(steps=180)
    story.disk(40e6 + np.maximum(0.0, story.clock - 150) * 0.3e6, 200e6)
    assert said(story.scene(), PRODUCTION, 180) == []


def test_a_restart_ends_the_forecast() -> None:
    story = Story(steps=180, step_s=2.0)
    grown = np.where(story.clock < 120, 100e6 + 3e6 * story.clock, 100e6)
    story.memory(CHECKOUT, grown + story.noise(1e6, 5e5), 512e6)
    assert said(story.scene(), DEMO, 118) != []
    for last in range(124, 181, 4):
        assert said(story.scene(), DEMO, last) == []


def with_a_hole(level_after: float) -> Scene:
    """A leak, then nothing is measured for twenty steps, then a level."""
    story = Story(steps=180, step_s=2.0)
    grown = np.where(story.clock < 120, 100e6 + 3e6 * story.clock, level_after) + story.noise(0.0, 1e5)
    story.memory(CHECKOUT, np.where((story.clock >= 120) & (story.clock < 140), np.nan, grown), 512e6)
    return story.scene()


def test_a_forecast_outlives_a_hole_in_what_was_measured() -> None:
    """Not to see it any more is no recovery."""
    leaking = with_a_hole(480e6)
    first = said(leaking, DEMO, 118)[0]
    steps = range(141, 160)
    assert any(not said(leaking, DEMO, last) for last in steps)
    assert all([f.fingerprint for f in said(leaking, DEMO, last, first)] == [first.fingerprint] for last in steps)


def test_a_level_that_fell_behind_the_hole_is_a_recovery() -> None:
    restarted = with_a_hole(100e6)
    first = said(restarted, DEMO, 118)[0]
    for last in range(141, 170, 3):
        assert said(restarted, DEMO, last, first) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_shop_beside_it_stays_out(seed: int) -> None:
    story = healthy(Story(seed=seed))
    story.memory(CHECKOUT, 100e6 + 2e6 * story.clock + story.noise(1e6, 5e5), 512e6)
    assert [f.entity for f in said(story.scene(), PRODUCTION, 180)] == [CHECKOUT]


def with_days(used: np.ndarray[Any, Any], before: np.ndarray[Any, Any]) -> list[Finding]:
    """What is said of a disk of 200 MB with ``used`` lately, and ``before`` in steps of ten minutes."""
    lately, days = Story(steps=len(used)), Story(steps=len(before), step_s=600.0)
    lately.disk(used, 200e6)
    days.disk(before, 200e6)
    now = lately.scene()
    view = View(now.metrics, now.red, now.exclusive, now.logs, 10.0, now.graph, long=days.scene().metrics)
    return Exhaustion(PRODUCTION).detect(view, now.now)


GROWING = 60e6 + 0.15e6 * np.arange(180)
"""It is full in about two hours and a half."""


def test_the_first_morning_is_information_while_the_limit_is_far() -> None:
    (far,) = with_days(GROWING, 60e6 + 0.5e6 * np.arange(30))
    assert far.severity is Severity.INFO
    (near,) = with_days(40e6 + 0.7e6 * np.arange(180), 40e6 + 0.5e6 * np.arange(30))
    assert near.severity > Severity.INFO


def test_growth_that_every_day_has_is_no_forecast() -> None:
    rising = 150e6 + 0.035e6 * np.arange(180)
    day = 150e6 + 42e6 * np.clip(np.sin(2 * np.pi * np.arange(4 * 144) / 144), 0, 1)
    assert with_days(rising, day[: 3 * 144 + 4]) == []
    (new,) = with_days(rising, np.full(3 * 144, 150e6))
    assert new.severity > Severity.INFO
    assert "at this pace" in new.sentence


def test_half_an_hour_after_a_start_a_morning_is_information_already() -> None:
    (finding,) = with_days(GROWING, 60e6 + 0.5e6 * np.arange(3))
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize("known", [0, 2])
def test_what_has_only_started_is_information_until_it_is_half_full(known: int) -> None:
    """A limit in three quarters of an hour, by the growth of five minutes."""
    steps = np.concatenate([np.full(60, np.nan), np.zeros(90), np.arange(30.0)])
    (started,) = with_days(17e6 + 0.6e6 * steps, np.full(known, 17e6))
    assert started.severity is Severity.INFO
    (fuller,) = with_days(120e6 + 0.25e6 * steps, np.full(known, 120e6))
    assert fuller.severity is Severity.WARNING
    (soon,) = with_days(17e6 + 1.2e6 * steps, np.full(known, 17e6))
    assert soon.severity is Severity.ERROR


def test_what_is_nearly_full_and_has_days_left_is_no_full_disk_yet() -> None:
    """Until hours are left, or hardly anything."""
    by_day = 194.5e6 - 3e6 * np.arange(8 * 144)[::-1] / 144
    (finding,) = with_days(np.full(180, 194.5e6), by_day)
    assert finding.kind is FindingKind.FORECAST
    (brimful,) = with_days(np.full(180, 199.2e6), by_day + 4.7e6)
    assert brimful.kind is FindingKind.THRESHOLD
    (soon,) = with_days(np.full(180, 194.5e6), 194.5e6 - 60e6 * np.arange(8 * 144)[::-1] / 144)
    assert soon.kind is FindingKind.THRESHOLD


def test_a_disk_that_fills_day_by_day_is_forecast_while_it_stands_still() -> None:
    by_day = np.floor(np.arange(9 * 144) / 144) * 14e6 + 60e6
    (finding,) = with_days(np.full(180, 172e6), by_day)
    assert "if the coming days are like the last 8 the limit is reached in" in finding.sentence
    values = finding.evidence[0].values
    assert values["low"] <= values["seconds_to_limit"] <= values["high"]
