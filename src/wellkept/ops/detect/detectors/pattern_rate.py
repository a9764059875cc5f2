"""A log pattern that comes much more often than it did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.loglines import WARN, Floats, Line, Lines
from wellkept.ops.detect.words import capital, clock, named


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
    lasts: float = 0.5
    """What is open goes on while this share of the lines comes that it took to be told of."""

    def __post_init__(self) -> None:
        check_above_zero("pattern_rate", self)


_KEPT = frozenset({"usual", "others", "surprise"})
"""What the evidence keeps for an open finding to be judged by."""


@dataclass(frozen=True, slots=True)
class _Rise:
    """``recent`` lines in the newest steps where ``expected`` were usual.

    As long as it is open it is judged by ``usual`` and ``others``: the lines of the pattern that were expected when it
    began, and those of all others of the entity.
    """

    line: Line
    recent: float
    expected: float
    surprise: float
    usual: float
    others: float
    known: Finding | None = None


class PatternRate:
    """Says that the lines of a pattern come many times as often as they did in the older part of the window.

    Lines come in bursts, so counts are judged by a negative binomial distribution whose spread is that of the older
    steps. The rise must also top whatever as many steps held before, and hold in each of the newest steps. Where all
    lines of an entity rise together, that is traffic and no matter of one pattern: what is expected rises with them.
    An open finding is judged by what was usual when it began.

    Source: the negative binomial is the usual model of counts that vary more than chance alone (Cameron and Trivedi,
    Regression Analysis of Count Data).
    """

    name = "pattern_rate"
    version = "2"
    finds = "log lines of a pattern that come many times as often as before"
    kinds = (FindingKind.LOG_PATTERN,)
    shared = ("confirm_steps", "min_points")
    Parameters = PatternRateParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: PatternRateParameters | None = None) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or PatternRateParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:
        lines = Lines(view)
        newest = self._settings.confirm_steps
        if len(lines.times) < self._settings.min_points + newest:
            return []
        told: dict[str, list[_Rise]] = {}
        for line in lines.all:
            total = lines.totals[line.info.entity]
            known = view.open.get(self._fingerprint(line))
            is_kept = known is not None and bool(known.evidence) and known.evidence[0].values.keys() >= _KEPT
            rise = self._lasting(line, total, known) if known and is_kept else self._rise(line, total)
            if rise is not None:
                told.setdefault(line.info.entity, []).append(rise)
        findings = []
        for found in told.values():
            found.sort(key=lambda rise: (rise.known is None, -rise.surprise, rise.line.pattern))
            findings += [self._finding(lines, rise, now) for rise in found[: self.parameters.most_at_once]]
        return sorted(findings, key=lambda finding: finding.fingerprint)

    def _fingerprint(self, line: Line) -> str:
        return fingerprint(self.name, line.info.entity, line.pattern)

    def _times(self, line: Line) -> float:
        return self.parameters.times if line.severity >= WARN else self.parameters.times_plain

    def _lasting(self, line: Line, total: Floats, known: Finding) -> _Rise | None:
        """What is open, as long as it is still far from what was usual when it began."""
        chosen, newest, kept = self.parameters, self._settings.confirm_steps, known.evidence[0].values
        count, others = float(line.counts[-newest:].sum()), float((total - line.counts)[-newest:].sum())
        expected = kept["usual"] * (max(1.0, others / kept["others"]) if kept["others"] > 0 else 1.0)
        if count < chosen.lasts * max(chosen.lines, self._times(line) * expected):
            return None
        return _Rise(line, count, expected, kept["surprise"], kept["usual"], kept["others"], known)

    def _rise(self, line: Line, total: Floats) -> _Rise | None:
        chosen, newest = self.parameters, self._settings.confirm_steps
        recent, older = line.counts[-newest:], line.counts[:-newest]
        count = float(recent.sum())
        heard = np.flatnonzero(total)
        older = older[min(int(heard[0]), len(older)) if len(heard) else len(older) :]
        if count < chosen.lines or recent.min() <= 0 or len(older) < self._settings.min_points or not older.any():
            return None
        rest = total - line.counts
        others, before = float(rest[-newest:].sum()), float(rest[:-newest].mean()) * newest
        growth = max(1.0, others / before) if before > 0 else 1.0
        usual = (older.sum() + 0.5) / len(older)
        expected = usual * newest * growth
        most = float(np.convolve(older, np.ones(newest), "valid").max()) if len(older) >= newest else older.sum()
        least = max(self._times(line) * expected, chosen.above_most * most)
        if count < least or recent.min() < 2 * usual * growth:
            return None
        spread = max(float(older.var()), usual)
        size = usual * usual / (spread - usual) if spread > usual * 1.0001 else 1e9
        surprise = _surprise(count, expected, size)
        is_one = surprise >= chosen.surprise
        return _Rise(line, count, expected, surprise, expected, max(others, before)) if is_one else None

    def _finding(self, lines: Lines, rise: _Rise, now: datetime) -> Finding:
        line, newest, known = rise.line, self._settings.confirm_steps, rise.known
        starts_at = known.starts_at if known else lines.began(len(lines.times) - newest)
        seconds = newest * lines.step_s
        entity = line.info.entity
        when, chance = "before", ""
        if not known:
            when, chance = "in this window", f"; by chance once in 10^{rise.surprise:.0f} such spans"
        values = {"lines": rise.recent, "usual": rise.usual, "others": rise.others, "surprise": rise.surprise}
        return Finding(
            fingerprint=self._fingerprint(line),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.LOG_PATTERN,
            severity=Severity.WARNING if line.severity >= WARN else Severity.INFO,
            score=round((rise.recent - rise.expected) / max(1.0, lines.totals[entity][-newest:].sum()), 6),
            score_meaning="share of all newest lines of the entity that are more of this pattern than usual",
            starts_at=starts_at,
            sentence=(
                f"{capital(named(entity))} logs {rise.recent:.0f} lines in {seconds:.0f} s, since "
                f"{clock(starts_at, now)}, where {rise.expected:.1f} were usual {when} "
                f"({rise.recent / rise.expected:.0f} times as many{chance}): {line.template} "
                f"(for example: {line.sample})"
            ),
            evidence=(lines.evidence(line, values),),
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
