"""What detectors of shapes share: one finding an entity, of its strongest series, however many have the shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.blind import Blind
from wellkept.ops.detect.catalogue import BY_NAME, amount
from wellkept.ops.detect.signals import evidence_of, moment
from wellkept.ops.detect.words import bare, capital, subject
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """One series that has the shape: its column, how strong it is in [0, 1], since which step, and the sentence.

    ``what`` goes on after the subject: ``stands still at 3 GB``; ``compared`` says with what it was compared.
    """

    column: int
    strength: float
    since: int
    what: str
    compared: str
    severity: Severity = Severity.INFO
    expected: tuple[float, float] | None = None
    values: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says it, of what kind it is, and what the strength means."""

    name: str
    version: str
    kind: FindingKind
    score_meaning: str
    title: str
    """What goes on after the name of the series in a title: ``stands still``."""


def findings_of(
    speaker: Speaker, window: Window, shapes: Iterable[Shape], open_ones: Mapping[str, Finding]
) -> list[Finding]:
    """One finding for each entity, about the worst and then strongest of its series, ordered by fingerprint.

    One of ``open_ones`` (by fingerprint) stays with its series while that has the shape, and names its own beginning.
    """
    by_entity: dict[str, list[Shape]] = {}
    for shape in shapes:
        by_entity.setdefault(window.series[shape.column].entity, []).append(shape)
    found = []
    for entity, mine in by_entity.items():
        known = open_ones.get(shape_fingerprint(speaker.name, entity))
        found.append(_finding(speaker, window, mine, known))
    return sorted(found, key=lambda finding: finding.fingerprint)


def _finding(speaker: Speaker, window: Window, shapes: list[Shape], known: Finding | None) -> Finding:
    def rank(shape: Shape) -> tuple[Severity, bool, float, int]:
        info = window.series[shape.column]
        return shape.severity, is_about(known, info), shape.strength, -info.id

    best = max(shapes, key=rank)
    info = window.series[best.column]
    entity, starts_at = info.entity, moment(window.times[best.since] - window.step_s)
    if known is not None and is_about(known, info):
        starts_at = known.starts_at
    others = f", and {len(shapes) - 1} more of its series likewise" if len(shapes) > 1 else ""
    meaning = BY_NAME.get(info.name)
    return Finding(
        fingerprint=shape_fingerprint(speaker.name, entity),
        detector=speaker.name,
        detector_version=speaker.version,
        entity=entity,
        kind=speaker.kind,
        severity=best.severity,
        score=round(min(1.0, max(0.0, best.strength)), 6),
        score_meaning=speaker.score_meaning,
        starts_at=starts_at,
        sentence=(
            f"{called(info)} of {subject(info)} {best.what} since {starts_at:%d %b %H:%M:%S} UTC, "
            f"{best.compared}{others}."
        ),
        evidence=(
            evidence_of(info, window.times, window.values[:, best.column], dict(best.values or {}), best.expected),
        ),
        attributes={
            "title": f"{called(info)} of {bare(entity)} {speaker.title}",
            "resource": meaning.resource if meaning else "",
            "symptom": "",
        },
    )


def shape_fingerprint(detector: str, entity: str) -> str:
    """The fingerprint of what a detector of shapes says of an entity."""
    return fingerprint(detector, entity, "shape")


def is_about(known: Finding | None, info: SeriesInfo) -> bool:
    """Whether an open finding is about this series, by the evidence that it was opened with."""
    if known is None or known.entity != info.entity or not known.evidence:
        return False
    return known.evidence[0].signal == info.name and known.evidence[0].attributes == info.attributes


def called(info: SeriesInfo) -> str:
    """A series in words: by its meaning where it has one, else by its name."""
    meaning = BY_NAME.get(info.name)
    return capital(meaning.says) if meaning else info.name


def said(value: float, info: SeriesInfo) -> str:
    """A value of a series for people. What has no unit is a share only where the catalogue says so."""
    is_plain = info.unit == "1" and info.name not in BY_NAME
    return f"{value:.4g}" if is_plain else amount(float(value), info.unit)


def seen(window: Window, blind: Blind) -> NDArray[np.bool_]:
    """Which series of a window something may be said of: bool[S]. They have an entity, and are not hidden."""
    hidden = bool(blind.entities or blind.metrics)
    return np.array(
        [bool(info.entity) and not (hidden and blind.hides(info.entity, info.name)) for info in window.series],
        dtype=bool,
    )
