"""Blind spots last as long as what they tell of, however long that is; and metrics that are gone are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.ops.detect.test_detect_runner import NoChanges, Recording
from tests.store.fixtures import state_in

from wellkept.checks.scenes import CHECKOUT, PAYMENTS, Scene, Story
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.blind import Cause
from wellkept.ops.detect.blindness import HEARD, RECENT, STILL
from wellkept.ops.detect.detectors.blind import BlindSpot
from wellkept.ops.detect.detectors.flat import Flat
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.gone import LASTED, gone_metrics
from wellkept.ops.detect.lasting import BACK, RHYTHM_S, USUAL_S
from wellkept.ops.detect.stage import DetectRunner
from wellkept.spine.stream import Stream

SETTINGS = DetectSettings(window_s=1000.0, grace_s=10.0, long_days=0)
NAMES = ("process.cpu.utilization", "app.load", "app.latency", "app.queue")
Values = NDArray[np.float64]
FIRST, BEGINS, ENDS, STEPS = 105, 110, 310, 350
"""The first look; what is wrong begins and ends after so many steps: it lasts for two windows."""
MEANWHILE = range(BEGINS + 90, ENDS - 10)
"""While nothing changes, every fifth step is looked at."""


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    state = state_in(tmp_path / "state")
    yield Stream(state, NoChanges())
    state.close()


class Played:
    """A scene, looked at from step to step; ``spans``: since which step until which a finding was open."""

    def __init__(
        self, scene: Scene, stream: Stream, first: int = FIRST, restart_at: int = -1, meanwhile: range = MEANWHILE
    ) -> None:
        begin = datetime.fromtimestamp(scene.metrics.times[0] - scene.step_s, tz=scene.now.tzinfo)
        run = self._runner(scene, stream)
        self.findings: dict[str, Finding] = {}
        self.began: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.hidden: dict[int, frozenset[str]] = {}
        for step in range(first, len(scene.metrics.times)):
            if step in meanwhile and step % 5:
                continue
            if step == restart_at:
                run = self._runner(scene, stream)
            report = run.tick(begin + timedelta(seconds=(step + SETTINGS.lag_steps) * scene.step_s + 0.3))
            assert run.looked is not None
            self.hidden[step] = frozenset(run.looked[0].blind.entities)
            for finding in report.seen:
                self.findings[finding.id] = finding
                self.began.setdefault(finding.id, step)
            self.ended |= {finding.id: step for finding in report.ended}

    def _runner(self, scene: Scene, stream: Stream) -> DetectRunner:
        recording = Recording(scene)
        asked = (BlindSpot(SETTINGS), Flat(SETTINGS), MissingData(SETTINGS), RobustAnomaly(SETTINGS))
        return DetectRunner(recording, recording, stream, asked, SETTINGS)

    def hides(self, first: int, last: int) -> set[bool]:
        """Whether what is told of one of the services is hidden, at each of some looks."""
        return {PAYMENTS in entities for step, entities in self.hidden.items() if first <= step < last}

    def one(self) -> tuple[Finding, int, int]:
        """The one blind spot that there was, since which step, and until which; -1: it is still open."""
        (finding,) = (finding for finding in self.findings.values() if finding.detector == "blind")
        return finding, self.began[finding.id], self.ended.get(finding.id, -1)


def telling(edited: Mapping[str, Values], steps: int = STEPS, names: tuple[str, ...] = NAMES) -> Scene:
    """Two services, of one of which some metrics are otherwise than noise."""
    story = Story(steps=steps)
    for entity in (CHECKOUT, PAYMENTS):
        for name in names:
            values = edited.get(name.rpartition(".")[2]) if entity == PAYMENTS else None
            story.metric(entity, name, story.noise(0.5, 0.05) if values is None else values)
    return story.scene()


def each(steps: int, mask: NDArray[np.bool_], value: float) -> dict[str, Values]:
    """All metrics, with one value where the mask says so."""
    story = Story(steps=steps, seed=9)
    return {name.rpartition(".")[2]: np.where(mask, value, story.noise(0.5, 0.05)) for name in NAMES}


def at(steps: int = STEPS) -> NDArray[np.intp]:
    return np.arange(steps)


@pytest.mark.parametrize("restart_at", [-1, 250], ids=["on and on", "restarted"])
def test_a_freeze_is_one_blind_spot_as_long_as_it_lasts(stream: Stream, restart_at: int) -> None:
    frozen = (at() >= BEGINS) & (at() < ENDS)
    played = Played(telling(each(STEPS, frozen, 0.97)), stream, restart_at=restart_at)
    finding, began, ended = played.one()
    assert list(played.findings) == [finding.id]
    assert (finding.entity, finding.kind, finding.severity) == (PAYMENTS, FindingKind.DATA_QUALITY, Severity.INFO)
    assert (began, ended) == (BEGINS + STILL, ENDS + SETTINGS.hold_steps)
    assert played.hides(began, ENDS) == {True}
    assert played.hides(ENDS + 1, STEPS) == {False}
    assert "all 4 of its series that used to move repeat their last values" in finding.sentence
    assert "(34 min)" in finding.sentence


def test_a_freeze_of_which_one_series_moves_again_is_over(stream: Stream) -> None:
    frozen = at() >= BEGINS
    edited = {**each(STEPS, frozen, 0.97), "load": each(STEPS, frozen & (at() < 250), 0.97)["load"]}
    _, _, ended = Played(telling(edited), stream, meanwhile=range(200, 240)).one()
    assert ended == 250 + SETTINGS.hold_steps


def lossy(steps: int, share: float, until: int) -> NDArray[np.bool_]:
    """Which steps are lost: at random, each with the same chance."""
    return (np.random.default_rng(4).random(steps) > share) & (at(steps) >= BEGINS) & (at(steps) < until)


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_gaps_are_one_blind_spot_as_long_as_they_last(stream: Stream, share: float) -> None:
    played = Played(telling(each(STEPS, lossy(STEPS, share, ENDS), np.nan)), stream)
    _, began, ended = played.one()
    assert BEGINS < began <= BEGINS + RECENT
    assert ENDS < ended <= ENDS + RECENT + SETTINGS.hold_steps
    assert played.hides(began, ENDS) == {True}


def test_what_comes_evenly_for_an_hour_is_told_less_often_and_has_no_gaps(stream: Stream) -> None:
    steps = BEGINS + round(RHYTHM_S / 10) + 100
    rarely = (at(steps) >= BEGINS) & (at(steps) % 4 != 0)
    meanwhile = range(BEGINS + 90, BEGINS + round(RHYTHM_S / 10) - 20)
    _, began, ended = Played(telling(each(steps, rarely, np.nan), steps), stream, meanwhile=meanwhile).one()
    assert began < BEGINS + RECENT
    assert 0 <= ended - BEGINS - RHYTHM_S / 10 < 10


def test_what_comes_at_last_is_not_yet_what_came_before() -> None:
    assert HEARD < BACK < 1


def test_a_metric_that_is_gone_is_named_until_it_comes_again(stream: Stream) -> None:
    gone = np.where((at() >= BEGINS) & (at() < ENDS), np.nan, Story(steps=STEPS).noise(20.0, 2.0))
    played = Played(telling({"queue": gone}), stream)
    finding, began, ended = played.one()
    assert (finding.detector, finding.entity, finding.severity) == ("blind", PAYMENTS, Severity.INFO)
    assert (began, ended) == (BEGINS + RECENT, ENDS + SETTINGS.hold_steps)
    assert not any(played.hidden.values())
    assert finding.sentence == (
        "Blind spot (metric gone) at service shop/payments since 08:18:20 UTC (34 min): metric app.queue, which had "
        "come steadily, does not come any more, while 3 others of the same sender do."
    )


def test_a_metric_that_is_gone_for_a_day_is_not_missed_any_more(stream: Stream) -> None:
    scene = telling({"queue": np.where(at(300) >= BEGINS, np.nan, 3.0)}, 300)
    finding, _, _ = Played(scene, stream).one()
    later = replace(scene.metrics, times=scene.metrics.times + USUAL_S)
    assert Played(replace(scene, metrics=later), stream, 299, meanwhile=range(0)).ended == {finding.id: 299}


def test_most_series_stay_gone_while_their_metrics_do(stream: Stream) -> None:
    gone = np.where((at() >= BEGINS) & (at() < ENDS), np.nan, 0.5)
    finding, _, ended = Played(telling({"queue": gone, "load": gone, "latency": gone}), stream).one()
    assert "(partly silent)" in finding.sentence
    assert "3 of 4 of its series do not come any more" in finding.sentence
    assert ended == ENDS + SETTINGS.hold_steps


def test_two_metrics_that_go_one_after_the_other_are_told_in_one_finding(stream: Stream) -> None:
    first, then = (np.where(at() >= step, np.nan, 0.5) for step in (BEGINS, BEGINS + 100))
    finding, _, _ = Played(telling({"queue": first, "load": then}, names=(*NAMES, "app.users")), stream).one()
    assert "metrics app.load and app.queue, which had come steadily, do not come any more, while 3 others" in (
        finding.sentence
    )


def lost_in(story: Story, deployed: Mapping[str, float] | None = None) -> list[tuple[str, Cause, list[str]]]:
    window = story.scene().metrics
    return [(s.entity, s.cause, [one.signal for one in s.evidence]) for s in gone_metrics(window, deployed or {})]


def with_one_less(name: str = "app.queue", values: Values | None = None, until: int = 140) -> Story:
    """A service with a metric that is gone."""
    story = Story()
    for other in NAMES[:3]:
        story.metric(PAYMENTS, other, story.noise(0.5, 0.05))
    told = story.noise(20.0, 2.0) if values is None else values
    story.metric(PAYMENTS, name, np.where(story.clock >= until, np.nan, told))
    return story


def edited(story: Story, column: int, **fields: object) -> Story:
    """The same, with one series described otherwise."""
    info, values = story._metrics[column]
    story._metrics[column] = (replace(info, **fields), values)  # type: ignore[arg-type]
    return story


def test_it_is_told_of_what_had_come_steadily() -> None:
    assert lost_in(with_one_less()) == [(PAYMENTS, Cause.GONE, ["app.queue"])]
    once_a_minute = np.where(np.arange(180) % 6 == 0, 3.0, np.nan)
    assert lost_in(with_one_less(values=once_a_minute)) == [(PAYMENTS, Cause.GONE, ["app.queue"])]


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(180) < 141 - LASTED, np.nan, 3.0),
        np.where(np.random.default_rng(1).random(180) < 0.2, 1.0, np.nan),
        np.zeros(180),
    ],
    ids=["short-lived", "now and then", "nothing to tell"],
)
def test_what_comes_and_goes_is_not_missed(values: Values) -> None:
    assert lost_in(with_one_less(values=values)) == []


@pytest.mark.parametrize(("up", "is_told"), [(1.0, True), (0.0, False)])
def test_metrics_of_a_target_that_is_down_are_not_missed_one_by_one(up: float, is_told: bool) -> None:
    story = Story()
    words = story.clock % 2 == 0
    gone = story.clock >= 140
    story.metric(PAYMENTS, "app.queue", np.where(words & ~gone, story.noise(20.0, 2.0), np.nan))
    story.metric(PAYMENTS, "up", np.where(words, np.where(gone, up, 1.0), np.nan))
    story.metric(PAYMENTS, "scrape_duration_seconds", np.where(words, story.noise(0.01, 0.001), np.nan))
    assert bool(lost_in(story)) == is_told


def test_an_instance_that_went_before_does_not_hide_that_the_other_one_is_down() -> None:
    story = with_one_less()
    gone, words = story.clock >= 140, story.clock % 2 == 0
    story.metric(PAYMENTS, "up", np.where(words, np.where(gone, 0.0, 1.0), np.nan))
    story.metric(PAYMENTS, "up", np.where(words & (story.clock < 100), 1.0, np.nan), attributes={"instance": "b"})
    assert lost_in(story) == []


def test_counters_of_what_is_rare_are_not_missed() -> None:
    rare = np.where(np.arange(180) % 20 == 0, 0.1, 0.0)
    assert lost_in(edited(with_one_less(values=rare), 3, kind="sum")) == []
    assert lost_in(edited(with_one_less(), 3, kind="sum")) != []
    assert lost_in(edited(with_one_less(), 3, kind="sum", is_delta=True)) == [], "there may be none of nothing"


def test_one_pod_less_is_no_metric_less() -> None:
    story = with_one_less()
    pod = {"k8s.pod.name": "payments-1"}
    for name in NAMES:
        story.metric(PAYMENTS, name, np.where(story.clock >= 140, np.nan, story.noise(0.5, 0.05)))
        edited(story, len(story._metrics) - 1, resource_attributes=pod)
    assert lost_in(edited(story, 3, resource_attributes=pod)) == []


def test_labels_that_live_for_one_request_are_not_missed() -> None:
    story = with_one_less(values=np.full(180, np.nan))
    for number in range(28):
        life = (story.clock >= number * 5) & (story.clock < number * 5 + 6)
        story.metric(PAYMENTS, "app.request.size", np.where(life, 3.0, np.nan), attributes={"request": str(number)})
    assert lost_in(story) == []


def test_a_metric_that_is_called_otherwise_since_is_not_missed() -> None:
    story = with_one_less()
    story.metric(PAYMENTS, "app.queue.length", np.where(story.clock >= 141, 3.0, np.nan))
    assert lost_in(story) == []


def test_after_a_deploy_it_is_another_program() -> None:
    story = with_one_less()
    gone_at = float(story.scene().metrics.times[139])
    assert lost_in(story, {PAYMENTS: gone_at + 20}) == []
    assert lost_in(story, {PAYMENTS: gone_at - 7200}) != []


def test_who_tells_of_one_thing_alone_is_silent_and_not_without_a_metric() -> None:
    story = Story()
    story.metric(PAYMENTS, "app.queue", np.where(story.clock >= 140, np.nan, story.noise(20.0, 2.0)))
    assert lost_in(story) == []


def test_a_histogram_is_one_metric() -> None:
    story = with_one_less("app.duration_count")
    for part in ("_sum", "_bucket"):
        story.metric(PAYMENTS, f"app.duration{part}", np.where(story.clock >= 140, np.nan, story.noise(20.0, 2.0)))
    (spot,) = gone_metrics(story.scene().metrics, {})
    assert spot.what.startswith("metric app.duration, which had come steadily, does not come any more")
