"""What is unusual of any series, and of several of one entity, by scores within a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks.scenes import CHECKOUT, EPOCH, Scene, Story
from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.baseline import SHIPPED
from wellkept.ops.detect.baseline.base import EntityScores, Scores
from wellkept.ops.detect.blind import Blind, Cause
from wellkept.ops.detect.detectors import anomaly
from wellkept.ops.detect.detectors.anomaly import Anomaly, AnomalyParameters
from wellkept.ops.detect.detectors.entity import EntityAnomaly, EntityParameters
from wellkept.ops.detect.detectors.traffic import Traffic
from wellkept.ops.detect.feed import Fed
from wellkept.ops.detect.learned import Learned
from wellkept.ops.detect.together import EntityMemory
from wellkept.ops.detect.unusual import how_often
from wellkept.store.telemetry.window import SeriesInfo, Window

STEP_S = 10.0
WINDOW = 180
Band = tuple[float, float]


def queue(story: Story, entity: str = "service:shop/worker", name: str = "queue_length", jump: float = 0.0) -> None:
    story.metric(entity, name, story.noise(100.0, 5.0) + np.where(story.clock >= story.steps - 2, jump, 0.0))


def learned_view(scene: Scene, budget: float = 1.0) -> View:
    """The view at the end of a scene of which a baseline has seen all steps."""
    learned = Learned(STEP_S)
    fed = Fed(scene.metrics, scene.red, scene.exclusive, scene.logs, len(scene.metrics.times))
    learned.learn(fed)
    end = scene.between(len(scene.metrics.times) - WINDOW, len(scene.metrics.times))
    last = Fed(end.metrics, end.red, end.exclusive, end.logs, 1)
    scores, thresholds = learned.scores(last), learned.thresholds(last, budget)
    return View(
        end.metrics, end.red, end.exclusive, end.logs, STEP_S, scene.graph, scores=scores, thresholds=thresholds,
        entities=learned.entities(last, budget),
    )  # fmt: skip


def scored(view: View, strengths: Mapping[int, float], threshold: float = 5.0, band: Band = (40.0, 60.0)) -> View:
    """The same view where the newest step of some columns of its metrics has these scores."""
    shape = (3, len(view.metrics.series))
    sudden = np.zeros(shape, np.float32)
    for column, strength in strengths.items():
        sudden[-1, column] = strength
    low, high = (np.full(shape, edge, np.float32) for edge in band)
    scores = Scores(sudden, np.zeros(shape, np.float32), low, high, np.ones(shape[1], bool), standard=sudden)
    thresholds = {"metrics": np.full(shape[1], threshold, np.float32)}
    return replace(
        view, scores={"metrics": scores}, thresholds=thresholds, entities=entities_of(view, sudden, threshold)
    )


def entities_of(view: View, standard: NDArray[np.float32], threshold: float) -> EntityScores | None:
    """What would be said of entities, with their sizes for rarities."""
    memory = EntityMemory(SHIPPED)
    series = (view.metrics.series,)
    memory.learn(series, [standard], view.metrics.times[-len(standard) :])
    said = memory.scores(series, 1.0)
    known = np.ones(len(said.names), bool)
    return replace(said, rarity=said.size, ready=known, threshold=np.full(len(said.names), threshold, np.float32))


def plain(story: Story) -> View:
    scene = story.scene()
    return View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph)


def look(view: View, settings: DetectSettings | None = None) -> list[Finding]:
    return Anomaly(settings).detect(view, datetime.fromtimestamp(float(view.metrics.times[-1]), UTC))


def together(view: View) -> list[Finding]:
    return EntityAnomaly().detect(view, datetime.fromtimestamp(float(view.metrics.times[-1]), UTC))


def test_a_jump_of_a_metric_that_nobody_has_named_is_information() -> None:
    story = Story(steps=800)
    queue(story, jump=400.0)
    (finding,) = look(learned_view(story.scene()))
    assert (finding.entity, finding.severity) == ("service:shop/worker", Severity.INFO)
    assert finding.sentence.startswith("queue_length of shop/worker is 5")
    assert " is usual by its own past, since 10:13:00 UTC" in finding.sentence
    assert "by chance that happens less often than once in" in finding.sentence
    evidence = finding.evidence[0]
    assert evidence.expected is not None
    assert evidence.expected[1] < 130 < evidence.values["level"]
    assert evidence.values["score"] > evidence.values["threshold"]
    assert evidence.points[-1][1] == pytest.approx(500.0, abs=30.0)


def test_nothing_below_zero_is_usual_of_what_was_never_there() -> None:
    story = Story(steps=800)
    few = np.abs(story.noise(0.0, 3.0))
    few[-3:] = 400.0
    story.metric("service:shop/worker", "queue_length", few)
    (finding,) = look(learned_view(story.scene()))
    assert "where 0 to " in finding.sentence
    assert finding.evidence[0].expected is not None
    assert finding.evidence[0].expected[0] == 0.0


def steps_of(change: dict[int, float], *, of_traffic: bool = False) -> Scene:
    """A queue around 100 that is so much longer from some steps on, or so many more requests than 20 a second."""
    story = Story(steps=900)
    more = np.zeros(900)
    for step, by in change.items():
        more[step:] = by
    if of_traffic:
        story.span(CHECKOUT, "span.rate", story.noise(20.0, 1.0) + more, "1/s")
    else:
        story.metric("service:shop/worker", "queue_length", story.noise(100.0, 3.0) + more)
    return story.scene()


def live(scene: Scene, first: int, last: int, detector: Anomaly | Traffic) -> list[list[Finding]]:
    """What a detector says at each step, with a baseline that learns on the way and what is open carried on."""
    learned, open_ones, told = Learned(STEP_S), dict[str, Finding](), []
    for end in range(first, last):
        part = scene.between(end - WINDOW, end)
        fed = Fed(part.metrics, part.red, part.exclusive, part.logs, WINDOW if end == first else 1)
        learned.learn(fed)
        view = View(
            part.metrics, part.red, part.exclusive, part.logs, STEP_S, scene.graph, open=open_ones,
            scores=learned.scores(fed), thresholds=learned.thresholds(fed, 1.0),
        )  # fmt: skip
        told.append(list(detector.detect(view, datetime.fromtimestamp(float(part.metrics.times[-1]), UTC))))
        open_ones = {finding.fingerprint: finding for finding in told[-1]}
    return told


def test_what_is_usual_is_where_most_healthy_values_lie() -> None:
    told = live(steps_of({880: 400.0}), 700, 884, Anomaly())
    (finding,) = told[-1]
    low, high = finding.evidence[0].expected or (0.0, 0.0)
    assert (90 < low < 97, 103 < high < 110) == (True, True)


def test_an_open_finding_says_what_it_was_when_it_was_most_unusual_and_since_when() -> None:
    """A spike of a minute: what follows it is still unusual for a while, and no less likely than it was."""
    told = [found for found in live(steps_of({800: 400.0, 806: 0.0}), 600, 830, Anomaly()) if found]
    assert len(told) > 8
    assert {one.sentence for (one,) in told[5:]} == {told[5][0].sentence}
    assert {one.starts_at for (one,) in told} == {told[0][0].starts_at}
    assert told[-1][0].sentence.startswith("queue_length of shop/worker is 4")
    assert told[-1][0].evidence[0].points[-1][1] < 120


def test_what_goes_on_is_told_until_it_comes_back_to_the_usual_which_is_no_news() -> None:
    told = live(steps_of({700: 90.0, 790: 0.0}), 601, 801, Anomaly())
    assert [step for step, found in enumerate(told, start=600) if found] == list(range(700, 790))


def test_what_lasts_for_an_hour_is_the_new_usual() -> None:
    scene = steps_of({300: 90.0})
    told = live(scene, 250, 800, Anomaly())
    lasted = [step for step, found in enumerate(told) if found]
    assert lasted == list(range(lasted[0], lasted[-1] + 1))
    assert lasted[-1] - lasted[0] == pytest.approx(359, abs=3)


def test_traffic_steps_up_and_down_after_the_baseline_is_ready() -> None:
    """Its usual must not be what the newest steps have had."""
    for by, word in ((70.0, "rose to 89"), (-12.5, "fell to 6."), (-18.0, "fell to 1.")):
        told = [found for found in live(steps_of({700: by}, of_traffic=True), 600, 720, Traffic()) if found]
        assert word in told[0][0].sentence, by
        assert "is usual by its own past" in told[0][0].sentence
        assert len({(one.starts_at, one.sentence.split(" since ")[1]) for (one,) in told}) == 1
        assert len(told) > 15


def test_a_number_that_nobody_has_named_is_no_share() -> None:
    story = Story(steps=800)
    queue(story, jump=400.0)
    view = learned_view(story.scene())
    bare = replace(view.metrics, series=tuple(replace(info, unit="1") for info in view.metrics.series))
    (finding,) = look(replace(view, metrics=bare))
    assert "%" not in finding.sentence


def test_noise_is_no_finding() -> None:
    """Of forty series of noise, at a hundred moments, with a budget of one a week each: none."""
    story = Story(steps=1200)
    for number in range(40):
        queue(story, f"service:shop/s{number}")
    scene, learned = story.scene(), Learned(STEP_S)
    for end in range(200, 1201, 10):
        part = scene.between(end - 200, end)
        fed = Fed(part.metrics, part.red, part.exclusive, part.logs, 10)
        learned.learn(fed)
        view = View(
            part.metrics, part.red, part.exclusive, part.logs, STEP_S, scene.graph,
            scores=learned.scores(fed), thresholds=learned.thresholds(fed, 1.0), entities=learned.entities(fed, 1.0),
        )  # fmt: skip
        assert look(view) == []
        assert together(view) == []


def test_a_finding_stays_while_what_lasts_is_unlike_the_usual() -> None:
    story = Story(steps=20)
    queue(story)
    view = scored(plain(story), {0: 9.0})
    (finding,) = look(view)
    calm = scored(plain(story), {})
    scores = replace(calm.scores["metrics"], unusual=np.full((3, 1), 7.0, np.float32))
    lasting = replace(calm, scores={"metrics": scores})
    assert look(lasting) == []
    within = replace(finding, evidence=(replace(finding.evidence[0], expected=(0.0, 200.0)),))
    (still,) = look(replace(lasting, open={finding.fingerprint: within}))
    assert still.fingerprint == finding.fingerprint
    assert look(replace(calm, open={finding.fingerprint: within})) == []
    (out,) = look(replace(calm, open={finding.fingerprint: finding}))
    assert out.sentence == finding.sentence


def test_what_users_feel_is_a_warning_and_only_when_it_gets_worse() -> None:
    story = Story(steps=20)
    story.metric("service:shop/a", "system.cpu.utilization", story.noise(0.5, 0.1))
    view = plain(story)
    red = Window(view.red.times, np.full((20, 2), 0.05), _latencies())
    red.values[-1] = [2.0, 0.001]
    shape = (3, 2)
    sudden, unusual, low, high = (np.full(shape, value, np.float32) for value in (9.0, 0.0, 0.04, 0.06))
    scores = Scores(sudden, unusual, low, high, np.ones(2, bool))
    thresholds = {"red": np.full(2, 5.0, np.float32)}
    found = look(replace(view, red=red, scores={"red": scores}, thresholds=thresholds))
    assert {f.entity: f.severity for f in found} == {CHECKOUT: Severity.WARNING, "service:shop/b": Severity.INFO}


def _latencies() -> tuple[SeriesInfo, ...]:
    story = Story(steps=20)
    for entity in (CHECKOUT, "service:shop/b"):
        story.span(entity, "span.duration.p95", story.noise(0.05, 0.01), "s")
    return story.scene().red.series


def test_a_smaller_budget_asks_for_more() -> None:
    story = Story(steps=800)
    queue(story, jump=400.0)
    loose, strict = learned_view(story.scene(), 10.0), learned_view(story.scene(), 0.1)
    assert np.allclose(strict.thresholds["metrics"] - loose.thresholds["metrics"], 2.0, atol=1e-4)


def test_of_many_series_that_nobody_feels_each_may_say_less() -> None:
    story = Story(steps=20)
    for number in range(300):
        queue(story, f"service:shop/s{number}")
    view = scored(plain(story), {0: 5.5, 1: 6.5})
    assert len(look(view)) == 2
    strict = AnomalyParameters(most_per_day=300 / 7 / 10)
    found = Anomaly(DetectSettings(), strict).detect(view, EPOCH)
    assert [f.evidence[0].values["score"] for f in found] == [6.5]


def test_the_most_unusual_are_told_and_what_is_open_goes_on() -> None:
    story = Story(steps=20)
    for number in range(60):
        queue(story, f"service:shop/s{number}")
    first = look(scored(plain(story), {0: 6.0}))
    view = scored(plain(story), {number: 6.0 + number / 10 for number in range(60)})
    view = replace(view, open={finding.fingerprint: finding for finding in first})
    found = look(view)
    assert len(found) == AnomalyParameters().most_at_once
    told = {f.entity for f in found}
    assert "service:shop/s0" in told
    assert {f"service:shop/s{number}" for number in range(41, 60)} <= told


def test_what_another_detector_has_found_is_not_said_again() -> None:
    story = Story(steps=20)
    queue(story)
    view = scored(plain(story), {0: 9.0})
    (finding,) = look(view)
    other = replace(finding, detector="robust")
    assert look(replace(view, open={"x": other})) == []


@pytest.mark.parametrize("is_felt", [False, True])
@pytest.mark.parametrize(("theirs", "goes_on"), [("INFO", True), ("WARNING", False), ("CRITICAL", False)])
def test_what_is_said_goes_on_until_another_detector_warns_of_it(
    is_felt: bool, theirs: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anomaly, "_severity", lambda _: Severity.WARNING if is_felt else Severity.INFO)
    story = Story(steps=20)
    queue(story)
    view = scored(plain(story), {0: 9.0})
    (finding,) = look(view)
    flat = replace(finding, detector="flat", fingerprint="x", severity=Severity[theirs])
    found = look(replace(view, open={finding.fingerprint: finding, "x": flat}))
    assert bool(found) == goes_on


def test_where_telemetry_is_blind_nothing_is_said() -> None:
    story = Story(steps=20)
    for name in ("a", "b", "c"):
        queue(story, name=name)
    view = scored(plain(story), {0: 9.0, 1: 9.0, 2: 9.0})
    assert len(look(view)) == 3
    assert len(together(view)) == 1
    blind = replace(view, blind=Blind(entities={"service:shop/worker": Cause.GAPS}))
    assert look(blind) == []
    assert together(blind) == []


def test_after_a_deploy_the_sentence_names_it() -> None:
    story = Story(steps=20)
    queue(story)
    entity = "service:shop/worker"
    view = scored(plain(story), {0: 9.0})
    deploy = Change(entity, ChangeKind.DEPLOY, EPOCH, "ci", "version 2")
    (finding,) = look(replace(view, deploys={entity: deploy}))
    assert "after the deploy of 08:00" in finding.sentence
    later = replace(deploy, at=datetime.fromtimestamp(float(view.metrics.times[-1]) + 60, UTC))
    (finding,) = look(replace(view, deploys={entity: later}))
    assert "deploy" not in finding.sentence


def test_metrics_of_one_entity_are_one_finding_with_those_to_blame_first() -> None:
    story = Story(steps=20)
    for name in ("cache_hits", "threads", "waiting", "other"):
        queue(story, name=name)
    queue(story, "service:shop/calm")
    (finding,) = together(scored(plain(story), {0: 4.0, 1: 7.0, 2: 5.0}))
    assert finding.entity == "service:shop/worker"
    assert finding.attributes["blamed"] == "threads, waiting, cache_hits"
    assert finding.sentence.startswith("3 metrics of service shop/worker are unusual together, since 08:03:10 UTC: ")
    assert [e.signal for e in finding.evidence] == ["threads", "waiting", "cache_hits"]


def test_what_one_metric_does_alone_is_not_about_the_entity_and_neither_are_many_series_of_one() -> None:
    story = Story(steps=20)
    for part in range(4):
        story.metric("service:shop/worker", "threads", story.noise(100.0, 5.0), attributes={"part": str(part)})
    queue(story)
    assert together(scored(plain(story), dict.fromkeys(range(5), 9.0))) == []
    queue(story, name="other")
    assert together(scored(plain(story), {0: 90.0, 1: 90.0})) == []
    assert len(together(scored(plain(story), {0: 9.0, 4: 9.0}))) == 1


def test_a_finding_of_an_entity_goes_on_until_it_is_well_below_the_threshold() -> None:
    story = Story(steps=20)
    for name in ("cache_hits", "threads", "waiting"):
        queue(story, name=name)
    (finding,) = together(scored(plain(story), dict.fromkeys(range(3), 6.0)))
    less, well = (scored(plain(story), dict.fromkeys(range(3), strength)) for strength in (3.0, 2.0))
    assert together(less) == []
    (still,) = together(replace(less, open={finding.fingerprint: finding}))
    assert still.fingerprint == finding.fingerprint
    assert together(replace(well, open={finding.fingerprint: finding})) == []


def test_of_many_entities_each_must_be_more_unusual() -> None:
    story = Story(steps=20)
    for number in range(6):
        for name in ("cache_hits", "threads", "waiting"):
            queue(story, f"service:shop/s{number}", name=name)
    view = scored(plain(story), {column: 5.5 + (column < 3) for column in range(6)})
    assert len(together(view)) == 2
    strict = EntityAnomaly(DetectSettings(), EntityParameters(most_per_day=6 / 7 / 10))
    assert [f.entity for f in strict.detect(view, EPOCH)] == ["service:shop/s0"]


def test_three_metrics_that_jump_a_little_are_told_of_from_what_was_learned() -> None:
    """Through the real baseline: two hours of noise, and then three of five metrics move together."""
    story = Story(steps=800)
    for number in range(5):
        queue(story, name=f"m{number}", jump=28.0 if number < 3 else 0.0)
    queue(story, "service:shop/calm")
    (finding,) = together(learned_view(story.scene()))
    assert set(finding.attributes["blamed"].split(", ")) == {"m0", "m1", "m2"}
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    ("strength", "said"),
    [
        (2.0, "every 17 minutes"),
        (3.0, "once in 3 hours"),
        (4.0, "once a day"),
        (5.0, "once in 2 weeks"),
        (6.6, "once a year"),
        (40.0, "less often than once in 10 years"),
    ],
)
def test_how_often_is_said_in_the_words_of_a_calendar(strength: float, said: str) -> None:
    assert how_often(strength, 10.0) == said


def test_parameters_have_rules() -> None:
    with pytest.raises(InputError, match=r"anomaly\.steps"):
        AnomalyParameters(steps=0)
    with pytest.raises(InputError, match=r"entity\.lasts"):
        EntityParameters(lasts=0)
