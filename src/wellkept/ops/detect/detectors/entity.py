"""Several metrics of one entity that are unusual together, with those to blame first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.baseline.base import EntityScores
from wellkept.ops.detect.baseline.entities import QUIET_S, TOP
from wellkept.ops.detect.together import DETECTOR
from wellkept.ops.detect.unusual import Peaks, Unusual, after_deploy, how_often, kept, peaks, share
from wellkept.ops.detect.words import capital, named
from wellkept.store.telemetry.window import SeriesInfo, of_series


@dataclass(frozen=True, slots=True)
class EntityParameters:
    """What is told of entities, and how much."""

    steps: int = 6
    """So many of the newest steps are looked at for what is unusual."""
    together: int = 2
    """So many metrics of different names contribute at least; what one does alone is not about the entity."""
    contributes: float = 0.5
    """A metric contributes when it is this many times as far from its usual as the three worst are on average."""
    lasts: float = 0.5
    """What is open goes on while its rarity is at least this share of the threshold."""
    blamed: int = 5
    """So many metrics are named, the one to blame first."""
    most_at_once: int = 10
    """So many entities are told of in one look: the most unusual."""
    most_per_day: float = 50.0
    """Of all entities, so many are told of a day by chance: where there are more, each must be more unusual."""

    def __post_init__(self) -> None:
        check_above_zero("entity", self)


class EntityAnomaly:
    """Says that several metrics of one entity are unusual at once, though each alone may not be worth a word.

    It goes by the score that the baseline keeps of each entity with three metrics or more: how many times their usual
    deviation its three worst metrics show, held against the worst of each half hour of that entity so far. The
    threshold lets through as many findings an entity as the budget allows while nothing is wrong, moved by what people
    said of its findings. Metrics are blamed in the order of how far out they are. What users feel makes it a warning;
    else it is information.

    Source: the mean of the few worst metrics held on server machines and on application servers, where means over all
    metrics and shares of moving ones did not. Figures are in ``docs/detection.md``.
    """

    name = DETECTOR
    version = "4"
    finds = "several metrics of one entity that are unusual together"
    kinds = (FindingKind.ANOMALY,)
    shared = ("budget_per_series_week",)
    by_threshold = True
    Parameters = EntityParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: EntityParameters | None = None) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or EntityParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        entities = view.entities
        if entities is None or not entities.rarity.size:
            return []
        rarity = np.nan_to_num(entities.rarity[-self.parameters.steps :].max(axis=0))
        worst = self._worth_a_word(view, entities, rarity)
        if not worst:
            return []
        parts = [(part, _by_entity(part.window.series)) for part in peaks(view, self.parameters.steps)]
        found: list[Finding] = []
        for place in worst:
            entity = entities.names[place]
            metrics = self._contributing(view, parts, entity)
            if len(metrics) >= self.parameters.together:
                found.append(self._finding(view, entity, metrics, (rarity[place], entities.threshold[place])))
            if len(found) >= self.parameters.most_at_once:
                break
        return sorted(found, key=lambda finding: finding.fingerprint)

    def _worth_a_word(self, view: View, entities: EntityScores, rarity: NDArray[np.float32]) -> list[int]:
        """Places of the entities above their threshold, the most unusual first; what is open goes before."""
        open_ones = {finding.entity for finding in view.open.values() if finding.detector == self.name}
        was_open = np.array([name in open_ones for name in entities.names], dtype=bool)
        per_day = float(entities.ready.sum()) * self._settings.budget_per_series_week / 7
        spare = max(0.0, float(np.log10(max(per_day, 1e-9) / self.parameters.most_per_day)))
        least = np.where(was_open, self.parameters.lasts * entities.threshold, entities.threshold + spare)
        excess = rarity - entities.threshold
        told = np.flatnonzero(entities.ready & (rarity >= least)).tolist()
        told = [place for place in told if entities.names[place] not in view.blind.entities]
        return sorted(told, key=lambda place: (not was_open[place], -excess[place], entities.names[place]))

    def _contributing(self, view: View, parts: list[tuple[Peaks, dict[str, list[int]]]], entity: str) -> list[Unusual]:
        """The metrics of an entity that make it unusual, one series of each, the one to blame first."""
        best: dict[str, tuple[float, float, Unusual]] = {}
        for size, blame, one in sorted(self._sizes(parts, entity), key=lambda item: (item[0], -item[2].info.id)):
            if not view.blind.hides(entity, one.info.name):
                best[one.info.name] = (size, blame, one)
        ranked = sorted(best.values(), key=lambda item: (-item[1], -item[0], item[2].info.name))
        top = sorted((size for size, _, _ in ranked), reverse=True)[:TOP]
        least = self.parameters.contributes * float(np.mean(top)) if top else 0.0
        return [one for size, _, one in ranked if size >= least > 0]

    def _sizes(
        self, parts: list[tuple[Peaks, dict[str, list[int]]]], entity: str
    ) -> Iterator[tuple[float, float, Unusual]]:
        """Of each series: how far it was from its usual at most, how much it is to blame, and the series."""
        steps = self.parameters.steps
        for part, columns_of in parts:
            scores = part.scores
            for column in columns_of.get(entity, ()) if scores.standard is not None else ():
                assert scores.standard is not None
                blame = scores.standard if scores.blame is None else scores.blame
                size = float(scores.standard[-steps:, column].max())
                yield size, float(blame[-steps:, column].mean()), part.one(column)

    def _finding(self, view: View, entity: str, metrics: list[Unusual], score: tuple[float, float]) -> Finding:
        """``score``: the rarity, and what it had to reach."""
        blamed, (rarity, threshold) = metrics[: self.parameters.blamed], (float(score[0]), float(score[1]))
        key = fingerprint(self.name, entity, "together")
        known, score_now = view.open.get(key), share(rarity - threshold)
        if known is not None and score_now <= known.score:
            return kept(known, metrics)
        starts_at = known.starts_at if known is not None else min(one.starts_at for one in blamed)
        is_felt = any(one.is_felt for one in blamed)
        told = [f"{_what(one)} ({one.level()})" for one in blamed[:3]]
        deploy = after_deploy(view, entity, starts_at)
        return Finding(
            fingerprint=key,
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.ANOMALY,
            severity=Severity.WARNING if is_felt else Severity.INFO,
            score=score_now,
            score_meaning="how far above its threshold the -log10 of the probability is: 0 at it, 0.5 at 10 above",
            starts_at=starts_at,
            sentence=(
                f"{len(metrics)} metrics of {named(entity)} are unusual together, since "
                f"{starts_at:%H:%M:%S} UTC{deploy}: most of all {told[0]}, then {' and '.join(told[1:])}; together "
                f"that happens by chance {how_often(rarity, QUIET_S)}."
            ),
            evidence=tuple(one.evidence() for one in blamed),
            attributes={
                "title": f"{capital(named(entity))} is unusual in {len(metrics)} metrics",
                "resource": "",
                "symptom": "yes" if is_felt else "",
                "blamed": ", ".join(one.info.name for one in blamed),
            },
        )


@of_series
def _by_entity(series: tuple[SeriesInfo, ...]) -> dict[str, list[int]]:
    """The columns of each entity."""
    found: dict[str, list[int]] = {}
    for column, info in enumerate(series):
        found.setdefault(info.entity, []).append(column)
    return found


def _what(one: Unusual) -> str:
    return one.meaning.says if one.meaning is not None else one.info.name
