"""A log pattern that comes much more often than it did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.loglines import WARN, Floats, Line, Lines
from wellkept.ops.detect.words import capital, named


@dataclass(frozen=True, slots=True)
class PatternRateParameters:
    """When a rise is worth a word."""

    surprise: float = 8.0
    """How unlikely it must be, as the -log10 of the probability of so many lines."""
    times: float = 4.0
    """How many times as many lines as usual errors and warnings must come."""
    times_plain: float = 10.0
    """The same of lines that are neither."""
    lines: int = 20
    """So many lines at least in the newest steps."""
    above_most: float = 1.5
    """How many times as many as ever came in as many steps of the window."""
    most_at_once: int = 10
    """So many patterns of one entity are told of at once: the most unusual."""

    def __post_init__(self) -> None:
        check_above_zero("pattern_rate", self)


@dataclass(frozen=True, slots=True)
class _Rise:
    line: Line
    recent: float
    expected: float
    surprise: float


class PatternRate:
    """Says that the lines of a pattern come many times as often as they did in the older part of the window.

    Lines come in bursts, so counts are judged by a negative binomial distribution whose spread is that of the older
    steps. The rise must also top whatever as many steps held before, and hold in each of the newest steps. Where all
    lines of an entity rise together, that is traffic and no matter of one pattern: what is expected rises with them.

    Source: the negative binomial is the usual model of counts that vary more than chance alone (Cameron and Trivedi,
    Regression Analysis of Count Data).
    """

    name = "pattern_rate"
    version = "1"
    finds = "log lines of a pattern that come many times as often as before"
    kinds = (FindingKind.LOG_PATTERN,)
    shared = ("confirm_steps", "min_points")
    Parameters = PatternRateParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: PatternRateParameters | None = None) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or PatternRateParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        lines = Lines(view)
        newest = self._settings.confirm_steps
        if len(lines.times) < self._settings.min_points + newest:
            return []
        told: dict[str, list[_Rise]] = {}
        for line in lines.all:
            rise = self._rise(line, lines.totals[line.info.entity])
            if rise is not None:
                told.setdefault(line.info.entity, []).append(rise)
        findings = []
        for found in told.values():
            found.sort(key=lambda rise: (-rise.surprise, rise.line.pattern))
            findings += [self._finding(lines, rise) for rise in found[: self.parameters.most_at_once]]
        return sorted(findings, key=lambda finding: finding.fingerprint)

    def _rise(self, line: Line, total: Floats) -> _Rise | None:
        chosen, newest = self.parameters, self._settings.confirm_steps
        recent, older = line.counts[-newest:], line.counts[:-newest]
        count = float(recent.sum())
        heard = np.flatnonzero(total)
        older = older[min(int(heard[0]), len(older)) if len(heard) else len(older) :]
        if count < chosen.lines or recent.min() <= 0 or len(older) < self._settings.min_points or not older.any():
            return None
        others, before = (total - line.counts)[-newest:].sum(), (total - line.counts)[:-newest].mean() * newest
        growth = max(1.0, float(others) / before) if before > 0 else 1.0
        usual = (older.sum() + 0.5) / len(older)
        expected = usual * newest * growth
        times = chosen.times if line.severity >= WARN else chosen.times_plain
        most = float(np.convolve(older, np.ones(newest), "valid").max()) if len(older) >= newest else older.sum()
        if count < times * expected or count < chosen.above_most * most or recent.min() < 2 * usual * growth:
            return None
        spread = max(float(older.var()), usual)
        size = usual * usual / (spread - usual) if spread > usual * 1.0001 else 1e9
        surprise = _surprise(count, expected, size)
        return _Rise(line, count, expected, surprise) if surprise >= chosen.surprise else None

    def _finding(self, lines: Lines, rise: _Rise) -> Finding:
        line, newest = rise.line, self._settings.confirm_steps
        starts_at = lines.began(len(lines.times) - newest)
        seconds = newest * lines.step_s
        entity = line.info.entity
        return Finding(
            fingerprint=fingerprint(self.name, entity, line.pattern),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.LOG_PATTERN,
            severity=Severity.WARNING if line.severity >= WARN else Severity.INFO,
            score=round((rise.recent - rise.expected) / max(1.0, lines.totals[entity][-newest:].sum()), 6),
            score_meaning="share of all newest lines of the entity that are more of this pattern than usual",
            starts_at=starts_at,
            sentence=(
                f"{capital(named(entity))} logs {rise.recent:.0f} lines in {seconds:.0f} s since {starts_at:%H:%M:%S} "
                f"UTC, where {rise.expected:.1f} were usual in this window ({rise.recent / rise.expected:.0f} times as "
                f"many; by chance once in 10^{rise.surprise:.0f} such spans): {line.template} "
                f"(for example: {line.sample})"
            ),
            evidence=(lines.evidence(line, {"lines": rise.recent, "usual": rise.expected, "surprise": rise.surprise}),),
            attributes={"title": f"A log pattern of {named(entity)} jumped", "resource": "", "symptom": ""},
        )


def _surprise(count: float, mean: float, size: float) -> float:
    """-log10 of the probability of ``count`` or more, negative binomial of this mean and size (large: Poisson)."""
    share = mean / (size + mean)
    log = (
        math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        + size * math.log1p(-share) + count * math.log(share)
    )  # fmt: skip
    # The terms that follow shrink by less than this ratio: the sum is at most that of a geometric series.
    ratio = share * (count + size) / (count + 1)
    tail = log - math.log(max(1e-12, 1.0 - ratio)) if ratio < 1.0 else 0.0
    return max(0.0, -tail / math.log(10))
