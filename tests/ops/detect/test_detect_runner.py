"""The runner on a recording: findings open once, stay while they last, and end when recovery is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.store.fixtures import state_in

from wellkept.checks.scenes import CHECKOUT, HOST, PAYMENTS, Scene, Story
from wellkept.kernel.change import Change
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ClosedError, StoreError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.detectors.blind import BlindSpot
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.detectors.states import States, StatesParameters
from wellkept.ops.detect.stage import DetectRunner
from wellkept.spine.graph import Graph
from wellkept.spine.pauses import Pause
from wellkept.spine.stream import Stream
from wellkept.store.telemetry.following import Shard
from wellkept.store.telemetry.window import Window

SETTINGS = DetectSettings(step_s=2.0, window_s=180.0, grace_s=10.0, long_days=0)


@dataclass
class Recording:
    """A scene, played back through the reading interface of the telemetry store and the topology."""

    scene: Scene

    @property
    def metrics(self) -> Recording:
        return self

    @property
    def spans(self) -> Recording:
        return self

    @property
    def logs(self) -> Recording:
        return self

    def oldest(self) -> datetime | None:
        return datetime.fromtimestamp(self.scene.metrics.times[0] - self.scene.step_s, self.scene.now.tzinfo)

    def graph(self, at: datetime | None = None) -> Graph:
        return self.scene.graph

    def follow(self, shard: Shard = Shard(), names: Sequence[str] = ()) -> Recording:  # noqa: B008 - frozen
        return self

    def read(self, start: datetime, end: datetime, step_s: float) -> Window:
        return _cut(self.scene.metrics, start, end, step_s)

    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window:
        return _cut(self.scene.metrics, start, end, step_s)

    def red(self, start: datetime, end: datetime, step_s: float) -> Window:
        return _cut(self.scene.red, start, end, step_s)

    def endpoints(self, start: datetime, end: datetime, step_s: float) -> Window:
        return _cut(Window(self.scene.red.times, self.scene.red.values[:, :0], ()), start, end, step_s)

    calls = endpoints

    def exclusive(self, start: datetime, end: datetime, step_s: float) -> Window:
        return _cut(self.scene.exclusive, start, end, step_s)

    def counts(self, start: datetime, end: datetime, step_s: float) -> Window:
        return _cut(self.scene.logs, start, end, step_s)


def _cut(window: Window, start: datetime, end: datetime, step_s: float) -> Window:
    count = round((end - start).total_seconds() / step_s)
    times = start.timestamp() + step_s * np.arange(1, count + 1).astype(np.float64)
    first = round((times[0] - window.times[0]) / step_s)
    values = np.full((count, len(window.series)), np.nan)
    for row in range(count):
        if 0 <= first + row < len(window.times):
            values[row] = window.values[first + row]
    return Window(times, values, window.series)


class NoChanges:
    def write(self, changes: Sequence[Change]) -> None:
        raise AssertionError("detection makes no changes")

    def between(self, start: datetime, end: datetime) -> list[Change]:
        return []


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    state = state_in(tmp_path / "state")
    yield Stream(state, NoChanges())
    state.close()


def runner(scene: Scene, stream: Stream) -> DetectRunner:
    detectors = (RobustAnomaly(SETTINGS), Exhaustion(SETTINGS), MissingData(SETTINGS))
    recording = Recording(scene)
    return DetectRunner(recording, recording, stream, detectors, SETTINGS)


def play(scene: Scene, stream: Stream, first: int, last: int, restart_at: int = -1) -> list[tuple[int, Finding]]:
    """Tick once per step; gather what newly opened or ended, with the step."""
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    run = runner(scene, stream)
    told: list[tuple[int, Finding]] = []
    known: set[str] = set()
    for step in range(first, last):
        if step == restart_at:
            run = runner(scene, stream)
        report = run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))
        told.extend((step, f) for f in report.seen if f.id not in known)
        known.update(f.id for f in report.seen)
        told.extend((step, f) for f in report.ended)
    return told


def slow_from_to(start: int, end: int, steps: int = 400) -> Scene:
    story = Story(steps=steps, step_s=2.0)
    jump = np.where((story.clock >= start) & (story.clock < end), 1.5, 0.0)
    story.span(CHECKOUT, "span.duration.p95", story.noise(0.05, 0.006) + jump, "s")
    for entity in (CHECKOUT, PAYMENTS):
        story.metric(entity, "process.cpu.utilization", story.noise(0.1, 0.02))
    return story.scene()


def test_a_finding_opens_after_three_steps_and_ends_after_five_good_ones(stream: Stream) -> None:
    told = play(slow_from_to(200, 260), stream, 100, 290)
    assert [(step, f.is_open) for step, f in told] == [(203, True), (265, False)]
    assert stream.open_findings() == []


def test_trouble_longer_than_the_window_is_one_finding(stream: Stream) -> None:
    told = play(slow_from_to(120, 380), stream, 100, 395)
    assert [f.is_open for _, f in told] == [True, False]


def test_a_restart_of_the_platform_changes_nothing(stream: Stream, tmp_path: Path) -> None:
    other_state = state_in(tmp_path / "other")
    other = Stream(other_state, NoChanges())
    straight = play(slow_from_to(200, 260), stream, 100, 290)
    restarted = play(slow_from_to(200, 260), other, 100, 290, restart_at=230)
    assert encode([f for _, f in straight]) == encode([f for _, f in restarted])
    other_state.close()


def test_silence_is_no_recovery(stream: Stream) -> None:
    """The service falls silent in the middle of its trouble: its finding stays open."""
    scene = slow_from_to(200, 400)
    scene.red.values[230:260] = np.nan
    for column, info in enumerate(scene.metrics.series):
        if info.entity == CHECKOUT:
            scene.metrics.values[230:260, column] = np.nan
    told = play(scene, stream, 100, 258)
    assert [f.entity for _, f in told if not f.is_open] == []
    assert {f.kind.value for f in stream.open_findings()} == {"anomaly", "missing_data"}


def test_a_container_that_is_gone_while_others_speak_has_recovered(stream: Stream) -> None:
    """A rollout takes the pod away whose memory was full; nobody waits for a word of it."""
    old, new, story = "container:shop/web-1/app", "container:shop/web-2/app", Story(steps=300, step_s=2.0)
    for entity, used in ((old, np.where(story.clock < 250, 99e6, np.nan)), (new, np.full(300, 20e6))):
        story.metric(entity, "container.memory.usage", used, "By")
        story.metric(entity, "container.memory.limit", np.where(np.isnan(used), np.nan, 100e6), "By")
    told = play(story.scene(), stream, 100, 290)
    assert [(f.entity, f.is_open) for _, f in told] == [(old, True), (old, False)]
    assert 250 < told[-1][0] < 265


@pytest.mark.parametrize("is_told_of_others", [True, False])
def test_what_kubernetes_told_of_is_not_over_because_it_tells_nothing(stream: Stream, is_told_of_others: bool) -> None:
    """The containers themselves are heard all the time (cAdvisor); what tells of claims and nodes is not."""
    story = Story(steps=400, step_s=2.0)
    silent = np.where(story.clock < 200, 1.0, np.nan)
    story.metric("container:shop/data-0", "kube_persistentvolumeclaim_status_phase", silent, "", {"phase": "Lost"})
    story.metric("host:n1", "kube_node_status_condition", 0 * silent, "", {"condition": "Ready", "status": "true"})
    story.metric("container:shop/web-1/app", "container_memory_usage_bytes", story.noise(5e6, 1e5), "By")
    story.metric("host:n1", "node_load1", story.noise(1.0, 0.1))
    others = silent if not is_told_of_others else np.ones(400)
    story.metric("container:shop/web-1", "kube_pod_status_phase", 0 * others, "", {"phase": "Pending"})
    scene = story.scene()
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    detectors = (States(SETTINGS, StatesParameters(0.1)), MissingData(SETTINGS))
    run = DetectRunner(Recording(scene), Recording(scene), stream, detectors, SETTINGS)
    seen: set[str] = set()
    ended: dict[str, int] = {}
    for step in range(150, 310):
        report = run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))
        seen |= {finding.detector for finding in report.seen}
        ended |= {finding.detector: step for finding in report.ended}
    assert seen == set(ended) == {"states", "missing"}
    if is_told_of_others:
        assert max(ended.values()) < 220, "both were taken away"
    else:
        assert min(ended.values()) > 280, "nothing is known of them, for as long as a window"


def test_no_verdict_about_missing_data_right_after_the_start(stream: Stream) -> None:
    """The platform was down itself; what is missing now may be on its way."""
    scene = slow_from_to(500, 600)
    for column, info in enumerate(scene.metrics.series):
        if info.entity == PAYMENTS:
            scene.metrics.values[180:, column] = np.nan
    scene.red.values[:] = 0.05
    told = play(scene, stream, 200, 206)
    assert min(step for step, _ in told) == 205


def test_nor_about_traffic_that_stopped(stream: Stream) -> None:
    """The spans of the time without the platform are still with their senders."""
    story = Story(steps=400, step_s=2.0)
    story.span(CHECKOUT, "span.rate", np.where(story.clock < 195, story.noise(20.0, 2.0), 0.0), "1/s")
    told = play(story.scene(), stream, 200, 206)
    assert [(step, finding.attributes["absence"]) for step, finding in told] == [(205, "yes")]


def test_what_was_silent_before_our_own_start_stays_open_while_nothing_new_is_said_of_silence(stream: Stream) -> None:
    story = Story(steps=400, step_s=2.0)
    story.metric(CHECKOUT, "service.up", np.where(story.clock < 195, 1.0, 0.0))
    scene = story.scene()
    ((_, before),) = play(scene, stream, 200, 240)

    slow_start = replace(SETTINGS, grace_s=60.0)
    run = DetectRunner(Recording(scene), Recording(scene), stream, [MissingData(slow_start)], slow_start)
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    for step in range(240, 265):
        run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))

    assert [finding.id for finding in stream.open_findings()] == [before.id]


def test_a_pause_of_the_platform_is_told_once_and_nothing_else_of_it(stream: Stream) -> None:
    """Nobody kept what they could not send: nothing is stored of the pause, and no request was counted in it."""
    first, last, story = 200, 240, Story(steps=400, step_s=2.0)
    away = (story.clock >= first) & (story.clock < last)
    for entity in (CHECKOUT, PAYMENTS, HOST):
        story.metric(entity, "process.cpu.utilization", np.where(away, np.nan, story.noise(0.1, 0.02)))
    story.span(CHECKOUT, "span.rate", np.where(away, 0.0, story.noise(20.0, 2.0)), "1/s")
    slow = np.where(away, np.nan, story.noise(0.05, 0.006) + np.where(story.clock >= 190, 1.5, 0.0))
    story.span(PAYMENTS, "span.duration.p95", slow, "s")
    scene = story.scene()
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    start_s = begin.timestamp()
    pauses: list[Pause] = []
    recording = Recording(scene)
    detectors = (RobustAnomaly(SETTINGS), MissingData(SETTINGS), BlindSpot(SETTINGS))
    run = DetectRunner(recording, recording, stream, detectors, SETTINGS)
    run.watch(dict, lambda: pauses)
    told: dict[str, tuple[int, Finding]] = {}
    ended: list[tuple[str, int]] = []
    for step in [*range(150, first), *range(last, 280)]:
        pauses[:] = [Pause(start_s + 2 * first, start_s + 2 * last)] if step >= last else []
        report = run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))
        told |= {finding.detector: (step, finding) for finding in report.seen if finding.detector not in told}
        ended += [(finding.detector, step) for finding in report.ended]
    assert {name: step for name, (step, _) in told.items()} == {"robust": 193, "blind": 240}
    assert told["blind"][1].sentence == (
        "Blind spot (pause) at the platform since 08:06:40 UTC (82 s): it was not at work itself for 80 s, until "
        "08:08:00 UTC, and nobody's silence in that time is told."
    )
    assert [name for name, _ in ended] == ["blind"]


def test_short_pauses_again_and_again_hide_no_outage_and_end_no_word_of_a_long_one(stream: Stream) -> None:
    """A machine that swaps: it stands still for four steps of twelve, after it was suspended for long."""
    story = Story(steps=400, step_s=2.0)
    stands = (story.clock >= 200) & (story.clock < 240) | (story.clock >= 252) & (story.clock % 12 < 4)
    for entity in (CHECKOUT, PAYMENTS, HOST):
        is_away = stands | (story.clock >= 280) & (entity == PAYMENTS)
        story.metric(entity, "process.cpu.utilization", np.where(is_away, np.nan, story.noise(0.1, 0.02)))
    scene = story.scene()
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    bounds = [(200, 240), *((first, first + 4) for first in range(252, 400, 12))]
    every = [Pause(begin.timestamp() + 2 * first, begin.timestamp() + 2 * after) for first, after in bounds]
    recording, pauses, settings = Recording(scene), list[Pause](), replace(SETTINGS, grace_s=60.0)
    run = DetectRunner(recording, recording, stream, (MissingData(settings), BlindSpot(settings)), settings)
    run.watch(dict, lambda: pauses)
    seen: dict[str, list[int]] = {}
    for step in range(150, 330):
        now = begin + timedelta(seconds=(step + settings.lag_steps) * scene.step_s + 0.3)
        pauses[:] = [one for one in every if one.end_s <= now.timestamp()]
        for finding in run.tick(now).seen if not stands[step] else ():
            seen.setdefault(finding.detector, []).append(step)
    assert 286 <= min(seen["missing"]) < 310
    assert (min(seen["blind"]), max(seen["blind"])) == (240, 268), "for as long as nobody's silence is told"


def test_a_clock_that_is_set_back_keeps_no_silence_from_being_told_and_no_finding_open(stream: Stream) -> None:
    """The machine began with a clock that was ahead, and was put right after some looks."""
    story = Story(steps=400, step_s=2.0)
    slow = np.where((story.clock >= 340) & (story.clock < 360), 1.5, 0.0)
    story.span(CHECKOUT, "span.duration.p95", story.noise(0.05, 0.006) + slow, "s")
    for entity in (CHECKOUT, PAYMENTS, HOST):
        away = (story.clock >= 160) & (story.clock < 240) & (entity == PAYMENTS)
        story.metric(entity, "process.cpu.utilization", np.where(away, np.nan, story.noise(0.1, 0.02)))
    scene = story.scene()
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    run = runner(scene, stream)
    told: dict[str, int] = {}
    ended: dict[str, int] = {}
    for step in [*range(342, 350), *range(150, 180)]:
        report = run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))
        told |= {finding.detector: step for finding in report.seen if finding.detector not in told}
        ended |= {finding.detector: step for finding in report.ended}
    assert told == {"robust": 343, "missing": 166}
    assert list(ended) == ["robust"]
    assert 150 < ended["robust"] < 160


class Falls:
    name, version = "falls", "1"

    def detect(self, view: View, now: datetime) -> list[Finding]:
        raise RuntimeError("on its face")


def test_one_broken_detector_does_not_silence_the_others(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    scene = slow_from_to(200, 400)
    recording = Recording(scene)
    run = DetectRunner(recording, recording, stream, (Falls(), RobustAnomaly(SETTINGS)), SETTINGS)
    report = run.tick(scene.now - timedelta(seconds=370))
    assert [f.detector for f in report.seen] == ["robust"]
    assert "detector falls 1 failed" in caplog.text


@dataclass
class Mining:
    """Mining over a store that answers with an error."""

    error: Exception

    def tick(self, now: datetime) -> int:
        raise self.error

    def window(self, start: datetime, end: datetime, step_s: float) -> Window:
        raise self.error


def test_without_log_patterns_detection_goes_on_and_says_so(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    scene = slow_from_to(200, 400)
    recording, mining = Recording(scene), Mining(StoreError("too large a query"))
    run = DetectRunner(recording, recording, stream, (RobustAnomaly(SETTINGS),), SETTINGS, patterns=mining)
    assert [f.detector for f in run.tick(scene.now - timedelta(seconds=370)).seen] == ["robust"]
    assert "log patterns are not looked at" in caplog.text


def test_a_look_over_which_the_store_is_closed_ends_without_a_word(
    stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    scene = slow_from_to(200, 400)
    recording, mining = Recording(scene), Mining(ClosedError("is closed"))
    run = DetectRunner(recording, recording, stream, (RobustAnomaly(SETTINGS),), SETTINGS, patterns=mining)
    with pytest.raises(ClosedError):
        run.tick(scene.now - timedelta(seconds=370))
    assert caplog.text == ""


def test_a_detector_that_is_switched_off_leaves_nothing_open(stream: Stream) -> None:
    scene = slow_from_to(200, 400)
    play(scene, stream, 100, 220)
    (found,) = stream.open_findings()
    now = found.starts_at + timedelta(minutes=1)
    others = DetectRunner(Recording(scene), Recording(scene), stream, [MissingData(SETTINGS)], SETTINGS)
    others.tick(now)
    assert stream.open_findings()
    others.switched_off([found.detector])
    others.tick(now)
    assert stream.open_findings() == []


def test_looks_within_one_step_hold_no_finding_open(stream: Stream) -> None:
    scene = slow_from_to(200, 230)
    run = DetectRunner(Recording(scene), Recording(scene), stream, (RobustAnomaly(SETTINGS),), SETTINGS)
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    opened = {}
    for look in range(4 * 190, 4 * 245, 3):
        run.tick(begin + timedelta(seconds=(look / 4 + SETTINGS.lag_steps) * scene.step_s + 0.3))
        opened[look / 4] = bool(stream.open_findings())
    assert any(opened.values())
    assert not any(is_open for step, is_open in opened.items() if step > 230 + 2 * SETTINGS.hold_steps)


class Seldom:
    """Is asked at every third step, and speaks at first."""

    name, version, every_steps = "seldom", "1", 3

    def __init__(self) -> None:
        self.asked: list[float] = []

    def detect(self, view: View, now: datetime) -> list[Finding]:
        self.asked.append(float(view.metrics.times[-1]))
        said = RobustAnomaly(SETTINGS).detect(view, now)
        return [replace(f, detector="seldom", fingerprint=f"seldom {f.entity}") for f in said]


def test_a_detector_that_is_asked_seldom_means_what_it_said_until_it_is_asked_again(stream: Stream) -> None:
    scene, seldom = slow_from_to(200, 260), Seldom()
    run = DetectRunner(Recording(scene), Recording(scene), stream, (seldom,), SETTINGS)
    begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
    opened = []
    for step in range(190, 225):
        run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))
        opened.append(len(stream.open_findings()))
    assert len(seldom.asked) == pytest.approx(35 / 3, abs=1)
    assert all(round(at / 2) % 3 == 0 for at in seldom.asked[1:])
    assert opened == [0] * (len(opened) - sum(opened)) + [1] * sum(opened)
    assert sum(opened) > 18
