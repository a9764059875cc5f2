"""A log pattern that was never seen before, and speaks of an error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.loglines import ERROR, WARN, Line, Lines
from wellkept.ops.detect.words import capital, named


@dataclass(frozen=True, slots=True)
class NewPatternParameters:
    """When a new pattern is worth a word."""

    learn_steps: int = 30
    """An entity must have logged for so many steps before one of its patterns can be new."""
    learned_s: float = 21_600.0
    """Until patterns of an entity are known for so many seconds, what is new is information: much still is."""
    told_steps: int = 60
    """A new pattern is told of for so many steps after its first line, as long as it comes."""
    quiet_steps: int = 6
    """It is told of no more when no line of it came in so many steps."""
    lines: int = 3
    """With so many lines a new error is a warning rather than information, and a new warning is told of at all."""
    flood_lines: int = 100
    """With so many lines, and a good share of all that the entity logs, it is an error."""
    flood_share: float = 0.2
    """The share of the entity's lines since then that makes it one."""
    most_at_once: int = 10
    """So many patterns of one entity are told of at once: the most frequent."""

    def __post_init__(self) -> None:
        check_above_zero("pattern_new", self)


class NewPattern:
    """Says that lines of a pattern came that is new to the platform, where their severity is warning or worse.

    New is what no line before had the shape of, on any entity, and only once the entity has logged for a while: after
    a start everything would be new. A deploy brings new lines by itself, so right after one they are information.
    """

    name = "pattern_new"
    version = "1"
    finds = "log lines of a new pattern that speak of an error or a warning"
    kinds = (FindingKind.LOG_PATTERN,)
    Parameters = NewPatternParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: NewPatternParameters | None = None) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or NewPatternParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        lines = Lines(view)
        told: dict[str, list[tuple[float, Finding]]] = {}
        for line in lines.all:
            first = self._first(lines, line)
            if first is not None:
                finding = self._finding(view, lines, line, first)
                told.setdefault(line.info.entity, []).append((-float(line.counts.sum()), finding))
        most = self.parameters.most_at_once
        kept = [each[1] for found in told.values() for each in sorted(found, key=_order)[:most]]
        return sorted(kept, key=lambda finding: finding.fingerprint)

    def _first(self, lines: Lines, line: Line) -> int | None:
        """The step of the first line of a pattern that is new; None where it is not, or not worth a word."""
        if line.severity < WARN or not line.counts.any():
            return None
        chosen = self.parameters
        first = int(np.flatnonzero(line.counts)[0])
        heard = int(np.flatnonzero(lines.totals[line.info.entity])[0])
        is_known = line.first_seen < lines.times[first] - 2 * lines.step_s
        is_old = len(lines.times) - first > chosen.told_steps
        has_stopped = not line.counts[-chosen.quiet_steps :].any()
        if is_known or is_old or has_stopped or first - heard < chosen.learn_steps:
            return None
        return None if line.severity < ERROR and line.counts.sum() < chosen.lines else first

    def _finding(self, view: View, lines: Lines, line: Line, first: int) -> Finding:
        entity = line.info.entity
        count = int(line.counts.sum())
        share = float(count / max(1.0, lines.totals[entity][first:].sum()))
        starts_at = lines.began(first)
        word = "error" if line.severity >= ERROR else "warning"
        times = "once" if count == 1 else f"{count} times"
        return Finding(
            fingerprint=fingerprint(self.name, entity, line.pattern),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.LOG_PATTERN,
            severity=self._severity(view, lines, line, count, share),
            score=round(share, 6),
            score_meaning="share of all lines of the entity since then",
            starts_at=starts_at,
            sentence=(
                f"{capital(named(entity))} logs a new {word} since {starts_at:%H:%M:%S} UTC, {times} "
                f"({share:.1%} of its lines), never seen before of any entity: {line.template} "
                f"(for example: {line.sample})"
            ),
            evidence=(lines.evidence(line, {"lines": float(count), "share": share}),),
            attributes={"title": f"New {word} in the log of {named(entity)}", "resource": "", "symptom": ""},
        )

    def _severity(self, view: View, lines: Lines, line: Line, count: int, share: float) -> Severity:
        chosen = self.parameters
        is_young = lines.times[-1] - lines.known_since[line.info.entity] < chosen.learned_s
        if line.severity < ERROR or count < chosen.lines or is_young or line.info.entity in view.deploys:
            return Severity.INFO
        is_flood = count >= chosen.flood_lines and share >= chosen.flood_share
        return Severity.ERROR if is_flood else Severity.WARNING


def _order(told: tuple[float, Finding]) -> tuple[float, str]:
    return told[0], told[1].fingerprint
