"""The suite accepts our detectors, and rejects a detector for each rule that it can break."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import pytest

from wellkept.checks import detectors as suite
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.blind import Blind
from wellkept.spine.plugins import load

OURS = load("detector")
SETTINGS = {field.name for field in fields(DetectSettings)}


@pytest.mark.parametrize("name", OURS)
def test_our_detectors_hold_the_contract(name: str) -> None:
    detector = OURS[name](DetectSettings())
    assert detector.name == name
    ran = suite.check_detector(detector, View)
    assert len(ran) == len(suite.CHECKS)
    assert isinstance(detector, Detector)


@pytest.mark.parametrize("name", OURS)
def test_what_our_detectors_follow_of_the_shared_settings_is_there(name: str) -> None:
    assert set(getattr(OURS[name], "shared", ())) <= SETTINGS


class Overheard(DetectSettings):
    """Settings that remember which of them were asked for."""

    asked: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        Overheard.asked.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("name", OURS)
def test_our_detectors_tell_what_they_read_of_the_shared_settings(name: str) -> None:
    detector = OURS[name](Overheard())
    Overheard.asked.clear()
    for scene in suite.scenes():
        suite._ask(detector, View, scene)
        windows = (scene.metrics, scene.red, scene.exclusive, scene.logs)
        detector.detect(View(*windows, scene.step_s, scene.graph, long=scene.metrics), scene.now)
    assert set(getattr(detector, "shared", ())) >= Overheard.asked & SETTINGS


def test_scenes_have_scores_that_some_detector_speaks_of() -> None:
    """The half of the suite that goes by scores would prove nothing if nobody said anything."""
    for name in ("anomaly", "entity"):
        assert any(suite._ask(OURS[name](), View, scene) for scene in suite.scenes())


def finding(view: View, entity: str, now: datetime, **changes: object) -> Finding:
    said = Finding(
        fingerprint=fingerprint("honest", entity, "level"),
        detector="honest",
        detector_version="1",
        entity=entity,
        kind=FindingKind.ANOMALY,
        severity=Severity.WARNING,
        score=0.5,
        score_meaning="half",
        starts_at=now,
        sentence=f"{entity} is at a level",
    )
    return replace(said, **changes)  # type: ignore[arg-type]


@dataclass
class Honest:
    """Keeps every rule: says each service whose newest latency is over a second."""

    name: str = "honest"
    version: str = "1"

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        said = [finding(view, entity, now) for entity in slow(view)]
        return sorted(said, key=lambda f: f.fingerprint)


def slow(view: View) -> list[str]:
    if view.red.values.size == 0:
        return []
    return [
        info.entity
        for info, value in zip(view.red.series, view.red.values[-1].tolist(), strict=True)
        if info.name == "span.duration.p95" and value > 1.0 and not view.blind.hides(info.entity, info.name)
    ]


class Nameless(Honest):
    def __init__(self) -> None:
        super().__init__(name="")


class UnderAnotherName(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, detector="somebody") for f in super().detect(view, now)]


class VersionInWords(Honest):
    """Says that it is the second, which cannot be compared."""

    def __init__(self) -> None:
        super().__init__(version="second")

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, detector_version=self.version) for f in super().detect(view, now)]


class SaysNotWhatItDoes:
    name, version = "honest", "1"

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return Honest().detect(view, now)


@dataclass(frozen=True)
class Unexplained:
    limit: float = 1.0


@dataclass(frozen=True)
class Needy:
    limit: float
    """The latency that is too long, in seconds."""


class HasUnexplainedParameters(Honest):
    """Has a number that nobody explains."""

    parameters = Unexplained()


class HasParametersWithoutDefaults(Honest):
    """Cannot be made without being told everything."""

    parameters = Needy(1.0)


class NamesSettingsInAText(Honest):
    """Follows settings whose names are letters."""

    shared = "min_points"


class HasParametersInADictionary(Honest):
    """Keeps its numbers where nobody finds them."""

    parameters: ClassVar = {"limit": 1.0}


class SpeaksOfWhatIsHidden(Honest):
    """Does not ask whether telemetry can be trusted."""

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return super().detect(replace(view, blind=Blind()), now)


class GoesQuietWhenAnythingIsHidden(Honest):
    """Takes one blind spot for blindness."""

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        said = [
            finding(view, entity, now) for entity in ("service:a", *slow(view)) if entity != "service:a" or slow(view)
        ]
        return [] if view.blind.entities else sorted(said, key=lambda f: f.fingerprint)


class NeedsScores(Honest):
    """Cannot do without a baseline."""

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        assert view.scores["red"].ready is not None
        return super().detect(view, now)


class TrustsScoresBlindly(Honest):
    """Says whatever has the highest score, however low that is."""

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        scores = view.scores.get("metrics")
        if scores is None or not scores.sudden.size:
            return super().detect(view, now)
        return [finding(view, "service:highest", now)]


class CountsTheWhole(Honest):
    """Says a thing only where there are many, so that parts of all say another."""

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        said = super().detect(view, now)
        return [replace(f, score=float(len(view.metrics.series))) for f in said]


class ChangesItsInput(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        said = super().detect(view, now)
        view.red.values[:1] = 0.0
        return said


class Gambler(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, score=random.random()) for f in super().detect(view, now)]


@dataclass
class Remembers(Honest):
    """Says how long the window was that it was asked about before the last one."""

    asked: list[int] = field(default_factory=list)

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        here = len(view.red.times)
        before = next((steps for steps in reversed(self.asked) if steps != here), 0)
        self.asked.append(here)
        return [replace(f, score=float(before)) for f in super().detect(view, now)]


class LooksAtPositions(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        first = view.red.series[0].entity + view.red.series[0].name if view.red.series else ""
        return [replace(f, sentence=f"after {first}") for f in super().detect(view, now)]


class CannotBearNothing(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        view.red.times[-1], view.red.series[0]
        return super().detect(view, now)


class TalksAboutNothing(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return super().detect(view, now) or [finding(view, "service:nothing", now)]


class Nervous(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        if len(view.red.times) < 8 or not np.isfinite(view.red.values[-1]).any():
            return []
        everybody = sorted({info.entity for info in view.red.series} - view.blind.entities.keys())
        said = [finding(view, entity, now) for entity in everybody]
        return sorted(said, key=lambda f: f.fingerprint)


class RepeatsItself(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [f for f in super().detect(view, now) for _ in range(2)]


class SeesTheFuture(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, starts_at=now + timedelta(hours=1)) for f in super().detect(view, now)]


class ScoresNothing(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, score=float("nan")) for f in super().detect(view, now)]


class Mumbles(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, sentence="") for f in super().detect(view, now)]


class ComparesAllPairs(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        seen = 0
        for a in view.red.series:
            for b in view.red.series:
                seen += a.name < b.name
        return super().detect(view, now)


class ComparesAllPairsAtOnce(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        everything = view.red.values.sum(axis=0)
        np.abs(everything - everything[:, None])
        return super().detect(view, now)


def test_the_suite_accepts_an_honest_outsider() -> None:
    suite.check_detector(Honest(), View)


BROKEN: dict[type[Any], str] = {
    Nameless: "must be text and not empty",
    VersionInWords: "its version must be numbers with points",
    SaysNotWhatItDoes: "its class must say in a docstring what it does",
    HasUnexplainedParameters: "each parameter must have its meaning below it",
    HasParametersWithoutDefaults: "each parameter must have a usual value",
    HasParametersInADictionary: "its parameters must be a dataclass",
    NamesSettingsInAText: "the settings that it follows must be a tuple of names",
    SpeaksOfWhatIsHidden: "must say nothing of what telemetry is blind to",
    GoesQuietWhenAnythingIsHidden: "what is hidden must not change what is said of the rest",
    NeedsScores: "must bear a view",
    TrustsScoresBlindly: "must say nothing about a view with",
    CountsTheWhole: "what it says of parts must be what it says of the whole",
    UnderAnotherName: "must carry its name and version",
    ChangesItsInput: "must not change the windows",
    Gambler: "the same view must give the same findings",
    Remembers: "earlier questions must not change an answer|the same view",
    LooksAtPositions: "the order of the series must not change",
    CannotBearNothing: "must bear a view with",
    TalksAboutNothing: "must say nothing about a view with",
    Nervous: "must say nothing about a healthy shop",
    RepeatsItself: "must be distinct and ordered",
    SeesTheFuture: "must not start in the future",
    ScoresNothing: "must have a finite score",
    Mumbles: "must have a sentence",
    ComparesAllPairs: "work must grow with the number of series.*the lines",
    ComparesAllPairsAtOnce: "work must grow with the number of series.*the memory",
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_the_suite_rejects_a_detector_that(kind: type[Any]) -> None:
    with pytest.raises(suite.BrokenContractError, match=BROKEN[kind]):
        suite.check_detector(kind(), View)


def test_every_check_of_the_suite_rejects_somebody() -> None:
    """A check that no broken detector fails on proves nothing."""
    rejecting = set()
    for kind in BROKEN:
        for check in suite.CHECKS:
            try:
                check(kind(), View)
            except suite.BrokenContractError:
                rejecting.add(check.__name__)
            except (IndexError, KeyError):  # some fall on their face in a check that is not about that
                continue
    assert rejecting == {check.__name__ for check in suite.CHECKS}
