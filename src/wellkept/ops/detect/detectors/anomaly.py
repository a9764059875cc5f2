"""What is unusual of any series, by a baseline of its own and within a budget of false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.judged import columns_of
from wellkept.ops.detect.unusual import Peaks, Unusual, after_deploy, how_often, kept, peaks, share

Mine = Mapping[tuple[str, str], Sequence[Mapping[str, str]]]
"""Entity and signal of open findings to the attributes of their series."""


@dataclass(frozen=True, slots=True)
class AnomalyParameters:
    """How much the detector says at most."""

    steps: int = 3
    """So many of the newest steps are looked at for what is unusual."""
    most_at_once: int = 20
    """Of what is unusual in one look, so much is told: the most unusual of it."""
    most_per_day: float = 200.0
    """What no user feels is told so often a day at most, by chance and over all series: of more series, each less."""
    lasts_s: float = 3600.0
    """What stays outside of what was usual when it was told goes on for so long; then it is the new usual."""

    def __post_init__(self) -> None:
        check_above_zero("anomaly", self)


class Anomaly:
    """Says that a series shows what is unusual for it, at this time and after what came before.

    It goes by the scores of the baseline, which knows every series by its own days and weeks. A series is worth a word
    when the score of a sudden change reaches a threshold that lets through as many findings as the budget allows while
    nothing is wrong, moved by what people said of its findings; and the finding stays while what lasts is unlike the
    usual as much or, for an hour, outside of it, and says what it was when it was most unusual. What comes back to the
    usual is no news.
    What users feel (latency, errors, traffic by the catalogue) is a warning, all else information, for which the
    budget of all series together counts too. What another detector has a finding of is not said again; what is said
    already goes on, until another one warns of the same.

    Source: the scores' meaning and figures are in ``docs/detection.md``.
    """

    name = "anomaly"
    version = "5"
    finds = "what is unusual of any series, by its own past"
    kinds = (FindingKind.ANOMALY,)
    shared = ("budget_per_series_week",)
    by_threshold = True
    Parameters = AnomalyParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: AnomalyParameters | None = None) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or AnomalyParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        known: dict[tuple[str, str], Severity] = {}
        for other in view.open.values():
            for evidence in other.evidence if other.detector != self.name else ():
                series = other.entity, evidence.signal
                known[series] = max(known.get(series, other.severity), other.severity)
        mine: dict[tuple[str, str], list[Mapping[str, str]]] = {}
        for finding in view.open.values():
            if finding.detector == self.name and finding.evidence:
                told_of = finding.evidence[0]
                mine.setdefault((finding.entity, told_of.signal), []).append(told_of.attributes)
        spare = self._spare(view)
        found: dict[str, tuple[tuple[bool, float], Unusual]] = {}
        for part in peaks(view, self.parameters.steps):
            for one in self._worth_a_word(view, part, spare, mine):
                key, theirs = self._fingerprint(one), known.get((one.info.entity, one.info.name))
                least = Severity.WARNING if key in view.open else Severity.INFO
                if (theirs is not None and theirs >= least) or view.blind.hides(one.info.entity, one.info.name):
                    continue
                rank = (key in view.open or one.is_felt, one.excess)
                if key not in found or rank > found[key][0]:
                    found[key] = (rank, one)
        told = sorted(found, key=lambda key: (*found[key][0], key), reverse=True)[: self.parameters.most_at_once]
        return [self._finding(view, key, found[key][1]) for key in sorted(told)]

    def _spare(self, view: View) -> float:
        """How much more unusual than its threshold a series must be that nobody feels, because there are so many."""
        ready = sum(int(scores.ready.sum()) for scores in view.scores.values())
        per_day = ready * self._settings.budget_per_series_week / 7
        return max(0.0, float(np.log10(max(per_day, 1e-9) / self.parameters.most_per_day)))

    def _worth_a_word(self, view: View, part: Peaks, spare: float, mine: Mine) -> list[Unusual]:
        """Those above their threshold: what is open, and twice as many as are told at most, the most unusual first."""
        excess = part.strength - part.threshold
        columns = np.flatnonzero(excess >= 0)
        ids = np.array([part.window.series[column].id for column in columns.tolist()], np.uint64)
        columns = columns[np.lexsort((ids, -excess[columns]))] if len(columns) else columns
        known = columns_of(part.window.series)[0] if mine else {}
        series, lasts = part.window.series, part.lasting >= part.threshold
        open_ones = (
            part.one(j) for key, told_of in mine.items() for j in known.get(key, ()) if series[j].attributes in told_of
        )
        found = [
            one
            for one in open_ones
            if (one.excess >= 0 and not one.is_return) or lasts[one.column] or self._is_still_out(view, one)
        ]
        most = len(found) + 2 * self.parameters.most_at_once
        for column in columns.tolist():
            one = part.one(column)
            if (one.excess >= spare or one.is_felt) and not one.is_return:
                found.append(one)
            if len(found) >= most:
                break
        return found

    def _is_still_out(self, view: View, one: Unusual) -> bool:
        """Whether an open finding's newest value is outside of what was usual then, and it did not last for long."""
        known = view.open.get(self._fingerprint(one))
        band = known.evidence[0].expected if known is not None else None
        if known is None or band is None or not np.isfinite(one.threshold) or band[0] <= one.newest <= band[1]:
            return False
        return (one.seen_at - known.starts_at).total_seconds() < self.parameters.lasts_s

    def _fingerprint(self, one: Unusual) -> str:
        own = (f"{name}={value}" for name, value in sorted(one.info.attributes.items()))
        return fingerprint(self.name, one.info.entity, one.info.name, *own)

    def _finding(self, view: View, key: str, one: Unusual) -> Finding:
        known = view.open.get(key)
        if known is not None and (one.is_return or one.strength <= known.evidence[0].values["score"]):
            return kept(known, [one])
        starts_at = known.starts_at if known is not None else one.starts_at
        deploy = after_deploy(view, one.info.entity, starts_at)
        return Finding(
            fingerprint=key,
            detector=self.name,
            detector_version=self.version,
            entity=one.info.entity,
            kind=FindingKind.ANOMALY,
            severity=_severity(one),
            score=share(one.excess),
            score_meaning="how far above its threshold the -log10 of the probability is: 0 at it, 0.5 at 10 above",
            starts_at=starts_at,
            sentence=(
                f"{one.subject} is {one.level()} by its own past, since {starts_at:%H:%M:%S} UTC{deploy}; "
                f"by chance that happens {how_often(one.strength, view.step_s)}."
            ),
            evidence=(one.evidence(),),
            attributes={
                "title": one.title(),
                "resource": one.meaning.resource if one.meaning is not None else "",
                "symptom": "yes" if one.is_felt else "",
            },
        )


def _severity(one: Unusual) -> Severity:
    return Severity.WARNING if one.is_felt else Severity.INFO
