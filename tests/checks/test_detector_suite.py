"""The suite accepts our detectors, and rejects a detector for each rule that it can break."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from wellkept.checks import detectors as suite
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.robust import RobustAnomaly

OURS = (RobustAnomaly, Exhaustion, MissingData)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_our_detectors_hold_the_contract(kind: type[RobustAnomaly]) -> None:
    ran = suite.check_detector(kind(DetectSettings()), View)
    assert len(ran) == len(suite.CHECKS)
    assert isinstance(kind(), Detector)


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
        if info.name == "span.duration.p95" and value > 1.0
    ]


class Nameless(Honest):
    def __init__(self) -> None:
        super().__init__(name="")


class UnderAnotherName(Honest):
    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        return [replace(f, detector="somebody") for f in super().detect(view, now)]


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
        said = [finding(view, entity, now) for entity in sorted({info.entity for info in view.red.series})]
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


def test_the_suite_accepts_an_honest_outsider() -> None:
    suite.check_detector(Honest(), View)


BROKEN: dict[type[Honest], str] = {
    Nameless: "must be text and not empty",
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
    ComparesAllPairs: "work must grow with the number of series",
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_the_suite_rejects_a_detector_that(kind: type[Honest]) -> None:
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
    assert rejecting == {check.__name__ for check in suite.CHECKS}
