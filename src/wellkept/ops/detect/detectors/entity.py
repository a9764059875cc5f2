"""Several metrics of one entity that are unusual together, with those to blame first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.unusual import Peaks, Unusual, after_deploy, how_often, peaks, share
from wellkept.ops.detect.words import capital, named
from wellkept.store.telemetry.window import SeriesInfo, of_series


@dataclass(frozen=True, slots=True)
class EntityParameters:
    """When metrics count as unusual together."""

    steps: int = 6
    """Metrics that are unusual within so many of the newest steps are so together."""
    together: int = 3
    """So many metrics of different names at least."""
    half: float = 0.5
    """Each of them reaches this share of its own threshold at least."""
    agreement: float = 1.5
    """By how much their mean is lifted for agreeing: their number, if they had nothing to do with each other."""
    blamed: int = 5
    """So many metrics are named, the most unusual first."""
    most_at_once: int = 10
    """So many entities are told of in one look: the most unusual."""

    def __post_init__(self) -> None:
        for name in ("steps", "together", "half", "agreement", "blamed", "most_at_once"):
            if getattr(self, name) <= 0:
                raise InputError(f"entity.{name}", "must be more than 0", getattr(self, name))


@dataclass(frozen=True, slots=True)
class _Group:
    """The unusual metrics of an entity, those to blame most first, and how unusual they are together."""

    entity: str
    metrics: tuple[Unusual, ...]
    strength: float
    threshold: float


class EntityAnomaly:
    """Says that several metrics of one entity are unusual at once, though each alone may not be worth a word.

    The score of an entity is the mean of its most unusual metrics, lifted because they agree, less what the best of
    many metrics would reach by chance. The mean of the top few held on server machines and on application servers,
    where the mean over all metrics and shares of moving metrics did not. Metrics are blamed in the order of how far
    out they are. What users feel makes it a warning; else it is information.
    """

    name = "entity"
    version = "1"
    finds = "several metrics of one entity that are unusual together"
    kinds = (FindingKind.ANOMALY,)
    shared = ("budget_per_series_week",)
    by_threshold = True
    Parameters = EntityParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: EntityParameters | None = None) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or EntityParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        metrics: dict[str, dict[str, Unusual]] = {}
        windows = (view.metrics, view.red, view.exclusive, view.logs)
        for part in peaks(view, self.parameters.steps):
            for column in self._candidates(part).tolist():
                info = part.window.series[column]
                if not info.entity or view.blind.hides(info.entity, info.name):
                    continue
                one = part.one(column)
                known = metrics.setdefault(info.entity, {}).get(info.name)
                if known is None or (one.strength, -one.info.id) > (known.strength, -known.info.id):
                    metrics[info.entity][info.name] = one
        wanted = {entity for entity, found in metrics.items() if len(found) >= self.parameters.together}
        has = [_names(window.series) for window in windows] if wanted else []
        counts = {entity: sum(len(names.get(entity, ())) for names in has) for entity in wanted}
        groups = [self._group(entity, metrics[entity], counts[entity]) for entity in wanted]
        told = [group for group in groups if group.strength >= group.threshold]
        told.sort(key=lambda group: (group.threshold - group.strength, group.entity))
        findings = [self._finding(view, group) for group in told[: self.parameters.most_at_once]]
        return sorted(findings, key=lambda finding: finding.fingerprint)

    def _candidates(self, part: Peaks) -> NDArray[np.intp]:
        return np.flatnonzero(part.strength >= self.parameters.half * part.threshold)

    def _group(self, entity: str, found: dict[str, Unusual], names: int) -> _Group:
        ranked = sorted(found.values(), key=lambda one: (-one.strength, one.info.name))
        top = ranked[: self.parameters.together]
        lifted = self.parameters.agreement * float(np.mean([one.strength for one in top]))
        by_chance = float(np.log10(max(1.0, names / self.parameters.together)))
        threshold = float(np.mean([one.threshold for one in top]))
        blamed = sorted(found.values(), key=lambda one: (-one.blame, -one.strength, one.info.name))
        return _Group(entity, tuple(blamed), lifted - by_chance, threshold)

    def _finding(self, view: View, group: _Group) -> Finding:
        blamed = group.metrics[: self.parameters.blamed]
        starts_at = min(one.starts_at for one in blamed)
        is_felt = any(one.is_felt for one in blamed)
        told = [f"{_what(one)} ({one.level()})" for one in blamed[:3]]
        deploy = after_deploy(view, group.entity, starts_at)
        return Finding(
            fingerprint=fingerprint(self.name, group.entity, "together"),
            detector=self.name,
            detector_version=self.version,
            entity=group.entity,
            kind=FindingKind.ANOMALY,
            severity=Severity.WARNING if is_felt else Severity.INFO,
            score=share(group.strength - group.threshold),
            score_meaning="how far above its threshold the -log10 of the probability is: 0 at it, 0.5 at 10 above",
            starts_at=starts_at,
            sentence=(
                f"{len(group.metrics)} metrics of {named(group.entity)} are unusual together, since "
                f"{starts_at:%H:%M:%S} UTC{deploy}: most of all {told[0]}, then {' and '.join(told[1:])}; together "
                f"that happens by chance {how_often(group.strength, view.step_s)}."
            ),
            evidence=tuple(one.evidence() for one in blamed),
            attributes={
                "title": f"{capital(named(group.entity))} is unusual in {len(group.metrics)} metrics",
                "resource": "",
                "symptom": "yes" if is_felt else "",
                "blamed": ", ".join(one.info.name for one in blamed),
            },
        )


@of_series
def _names(series: tuple[SeriesInfo, ...]) -> dict[str, set[str]]:
    """The names of the metrics of each entity."""
    names: dict[str, set[str]] = {}
    for info in series:
        names.setdefault(info.entity, set()).add(info.name)
    return names


def _what(one: Unusual) -> str:
    return one.meaning.says if one.meaning is not None else one.info.name
