"""A heartbeat in the log that stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.loglines import WARN, Line, Lines
from wellkept.ops.detect.words import capital, named


@dataclass(frozen=True, slots=True)
class VanishedPatternParameters:
    """What a heartbeat is, and when it has stopped."""

    beats: int = 20
    """A pattern must have come in so many steps before its silence means anything."""
    irregular: float = 0.35
    """Spread of the gaps between them, as a share of their mean, up to which they are regular."""
    longer: float = 4.0
    """The silence must be so many times as long as the longest gap before."""
    speaking: float = 0.5
    """The entity's other lines must go on at this share of their usual rate at least."""
    most_at_once: int = 10
    """So many patterns of one entity are told of at once: the most frequent."""

    def __post_init__(self) -> None:
        check_above_zero("pattern_vanished", self)


class VanishedPattern:
    """Says that lines which came regularly have stopped, while the entity goes on logging other lines.

    Regular is what came with gaps of nearly one length. Silence of the whole entity is another matter, and told
    elsewhere. After a deploy lines may well be gone for good, so then nothing is said; nor is it when errors or
    warnings end, however regularly a failing client had tried.
    """

    name = "pattern_vanished"
    version = "2"
    finds = "regular log lines that have stopped"
    kinds = (FindingKind.LOG_PATTERN,)
    shared = ("missing_steps",)
    Parameters = VanishedPatternParameters

    def __init__(
        self, settings: DetectSettings | None = None, parameters: VanishedPatternParameters | None = None
    ) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or VanishedPatternParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        lines = Lines(view)
        told: dict[str, list[tuple[float, Finding]]] = {}
        for line in lines.all:
            entity = line.info.entity
            is_none = entity in view.deploys or line.severity >= WARN
            last = None if is_none else self._last(lines, line)
            if last is not None:
                told.setdefault(entity, []).append((-float(line.counts.sum()), self._finding(lines, line, last)))
        most = self.parameters.most_at_once
        kept = [each[1] for found in told.values() for each in sorted(found, key=_order)[:most]]
        return sorted(kept, key=lambda finding: finding.fingerprint)

    def _last(self, lines: Lines, line: Line) -> int | None:
        """The step of the last beat, where it was a heartbeat and has stopped."""
        chosen = self.parameters
        beats = np.flatnonzero(line.counts)
        if len(beats) < chosen.beats:
            return None
        gaps = np.diff(beats)
        silence = len(lines.times) - 1 - int(beats[-1])
        if gaps.std() > chosen.irregular * gaps.mean():
            return None
        if silence < max(self._settings.missing_steps, chosen.longer * gaps.max()):
            return None
        others = lines.totals[line.info.entity] - line.counts
        usual = others[beats[0] : beats[-1] + 1].mean()
        goes_on = usual > 0 and others[int(beats[-1]) + 1 :].mean() >= chosen.speaking * usual
        return int(beats[-1]) if goes_on else None

    def _finding(self, lines: Lines, line: Line, last: int) -> Finding:
        beats = np.flatnonzero(line.counts)
        gap = float(np.diff(beats).mean()) * lines.step_s
        silence = (len(lines.times) - 1 - last) * lines.step_s
        starts_at = lines.began(last + 1)
        entity = line.info.entity
        return Finding(
            fingerprint=fingerprint(self.name, entity, line.pattern),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.LOG_PATTERN,
            severity=Severity.INFO,
            score=round(min(1.0, silence / max(10 * gap, 1e-9)), 6),
            score_meaning="length of the silence over ten times the usual gap",
            starts_at=starts_at,
            sentence=(
                f"{capital(named(entity))} has not logged this since {starts_at:%H:%M:%S} UTC ({duration(silence)}), "
                f"where it came about every {duration(gap)}, {len(beats)} times before, and other lines go on: "
                f"{line.template} (for example: {line.sample})"
            ),
            evidence=(lines.evidence(line, {"silent_s": silence, "gap_s": gap}),),
            attributes={
                "title": f"A regular log line of {named(entity)} has stopped", "resource": "", "symptom": "",
                "absence": "yes",
            },
        )  # fmt: skip


def _order(told: tuple[float, Finding]) -> tuple[float, str]:
    return told[0], told[1].fingerprint
