"""Usual bands of many signals: what the older part of a window had, and what is out of it now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import amount
from wellkept.ops.detect.meaning import Bad, Meaning
from wellkept.ops.detect.signals import Signals, moment
from wellkept.ops.detect.slow import Words, newest_words
from wellkept.ops.detect.statistics import median, quantiles
from wellkept.ops.detect.words import capital, clock, subject, which

Floats = NDArray[np.float64]

BLOCKS = 6
"""The older part of the window is cut into this many blocks."""
LEAST_WORDS = 20
"""Who reports so rarely that a window holds no ``min_points`` of it is judged from so many values on."""
STOPPED = 0.1
"""What is left of the usual traffic when it has as good as stopped: bad however much it varies, and varied before."""
EXPECTED = 15.0
"""Requests that the newest steps should have held before their absence means anything: chance leaves out no fifteen."""


@dataclass(frozen=True, slots=True)
class _Band:
    """What was usual, with bad counted upwards: all float64[S]."""

    centre: Floats
    scale: Floats
    edge: Floats
    enough: NDArray[np.bool_]


class BandDetector(ABC):
    """A detector that says which of its signals are out of their usual band for several steps in a row, or of who
    reports more rarely than every step for so many words in a row.

    The usual level is the median over blocks of block medians; the usual spread is the median of the blocks'
    interquartile ranges plus the spread between the blocks plus five per cent of the level. A subclass names itself and
    what it judges (``signals``).
    """

    name = ""
    version = ""

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        found = self.signals(view)
        recent = self._settings.confirm_steps
        if not found.meanings or found.values.shape[1] <= recent:
            return []
        sign = found.column(lambda meaning: float(meaning.bad))
        bad = found.values * sign[:, None]
        newest = newest_words(np.isfinite(bad), recent)
        band = self._with_open(self._band(found, bad, newest), found, view)
        with np.errstate(invalid="ignore"):
            out = bad > band.edge[:, None]
        firing = newest.are_there & (out | ~newest.mask).all(axis=1) & band.enough
        best: dict[str, Finding] = {}
        for index in np.flatnonzero(firing):
            known = view.open.get(self._fingerprint(found, int(index)))
            finding = self._finding(found, int(index), band, bad[index], out[index], known)
            strongest = best.get(finding.fingerprint)
            if strongest is None or finding.score > strongest.score:
                best[finding.fingerprint] = finding
        return [best[key] for key in sorted(best)]

    @abstractmethod
    def signals(self, view: View) -> Signals:
        """What is judged."""

    def _band(self, found: Signals, bad: Floats, newest: Words) -> _Band:
        older = np.where(newest.mask, np.nan, bad)[:, : -self._settings.confirm_steps]
        length = older.shape[1] // BLOCKS
        blocks = older[:, older.shape[1] - length * BLOCKS :].reshape(len(older), BLOCKS, length)
        low, middle, high = quantiles(blocks, 0.25, 0.5, 0.75)
        centre = median(middle)
        between_low, between_high = quantiles(middle, 0.25, 0.75)
        level = np.abs(centre)
        floor = found.column(lambda meaning: meaning.floor)
        share = found.column(lambda meaning: meaning.share)
        scale = median(high - low) + (between_high - between_low) + 0.05 * level + 0.05 * floor
        effect = np.maximum(floor, share * level)
        edge = centre + np.maximum(self._settings.gate * scale, effect)
        half_way = centre + 0.5 * (found.limits - centre)
        capped = np.isfinite(found.limits)
        edge = np.where(capped, np.minimum(np.maximum(edge, half_way), 0.97 * found.limits), edge)
        alarming = found.column(_alarming)
        edge = np.where(np.isfinite(alarming), np.maximum(edge, alarming), edge)
        edge = np.where(self._matters(found, level), np.minimum(edge, STOPPED * centre), edge)
        wanted = np.clip(0.5 * bad.shape[1] / newest.rhythm, LEAST_WORDS, self._settings.min_points)
        enough = np.isfinite(older).sum(axis=1) >= wanted
        enough &= ~(capped & (centre >= edge)) & ~(np.isfinite(alarming) & (centre >= alarming))
        return _Band(centre, scale, edge, enough & np.isfinite(edge))

    def _matters(self, found: Signals, level: Floats) -> NDArray[np.bool_]:
        """Whether so much happens usually that its absence in the newest steps is a word: bool[S]."""
        traffic = np.array([meaning.counts and meaning.bad is Bad.DOWN for meaning in found.meanings], dtype=bool)
        enough = level * found.step_s * self._settings.confirm_steps >= EXPECTED
        return np.asarray(traffic & enough & (level >= found.column(lambda meaning: meaning.floor)))

    def _with_open(self, band: _Band, found: Signals, view: View) -> _Band:
        """Open findings keep the band that they were opened with."""
        for index, meaning in enumerate(found.meanings):
            open_one = view.open.get(self._fingerprint(found, index))
            if open_one is None or not open_one.evidence or open_one.evidence[0].expected is None:
                continue
            kept = open_one.evidence[0].values
            if {"usual", "spread", "edge"} <= kept.keys():
                band.centre[index] = meaning.bad * kept["usual"]
                band.scale[index] = kept["spread"]
                band.edge[index] = meaning.bad * kept["edge"]
                band.enough[index] = True
        return band

    def _fingerprint(self, found: Signals, index: int) -> str:
        info = found.series[index]
        return fingerprint(self.name, info.entity, found.meanings[index].name, *which(info))

    def _finding(
        self, found: Signals, index: int, band: _Band, bad: Floats, out: NDArray[np.bool_], known: Finding | None
    ) -> Finding:
        """What is out of its band. One that is ``known``, an open one, began when that did, however it went since."""
        meaning, info = found.meanings[index], found.series[index]
        start = _onset(out, bad)
        run = bad[start:]
        level = float(np.median(run[np.isfinite(run)])) * meaning.bad + 0.0  # no "-0" in sentences
        usual, spread = float(band.centre[index]) * meaning.bad, float(band.scale[index])
        edge = float(band.edge[index]) * meaning.bad
        score = _score(level, usual, meaning, float(found.limits[index]))
        times_usual = abs(level - usual) / max(spread, 1e-12)
        starts_at = known.starts_at if known else moment(found.times[start] - found.step_s)
        return Finding(
            fingerprint=self._fingerprint(found, index),
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.ANOMALY,
            severity=_severity(score, meaning),
            score=score,
            score_meaning=_SCORE_MEANING[np.isfinite(found.limits[index])],
            starts_at=starts_at,
            sentence=(
                f"{capital(meaning.says)} of {subject(info)} is {amount(level, meaning.unit)} since "
                f"{clock(starts_at, moment(found.times[-1]))}, where {amount(usual, meaning.unit)} was usual in this "
                f"window; {_spreads(times_usual)}."
            ),
            evidence=(self._evidence(found, index, usual, spread, edge, level),),
            attributes={
                "title": f"{capital(meaning.says)} of {subject(info)} is {_word(meaning)}",
                "resource": meaning.resource,
                "symptom": "yes" if meaning.symptom else "",
                "absence": "yes" if meaning.counts and meaning.bad is Bad.DOWN else "",
            },
        )

    def _evidence(self, found: Signals, index: int, usual: float, spread: float, edge: float, level: float) -> Evidence:
        expected = tuple(sorted((edge, 2 * usual - edge)))
        values = {"usual": usual, "spread": spread, "edge": edge, "level": level}
        return found.evidence(index, (expected[0], expected[1]), values)


_SCORE_MEANING = {
    False: "change over change plus usual level: 0.5 has doubled, 1 is beyond all measure",
    True: "share of the headroom between the usual level and the limit that is used up",
}


def _alarming(meaning: Meaning) -> float | None:
    return None if meaning.alarming is None else meaning.bad * meaning.alarming


def _onset(out: NDArray[np.bool_], bad: Floats) -> int:
    """The first step of the run of bad steps that reaches to the newest; silent steps do not break it."""
    inside = np.flatnonzero(~out & np.isfinite(bad))
    outside = np.flatnonzero(out)
    return int(outside[outside > (inside[-1] if len(inside) else -1)][0])


def _score(level: float, usual: float, meaning: Meaning, limit: float) -> float:
    change = abs(level - usual)
    ceiling = abs(limit - usual) if np.isfinite(limit) else change + max(abs(usual), meaning.floor)
    if meaning.bad is Bad.DOWN:
        ceiling = max(abs(usual), 1e-12)
    return round(min(1.0, change / max(ceiling, 1e-12)), 6)


def _severity(score: float, meaning: Meaning) -> Severity:
    """Only what users feel is an error by itself, and only when it is large; a busy resource is a warning."""
    return Severity.ERROR if meaning.symptom and score >= 0.75 else Severity.WARNING


def _spreads(count: float) -> str:
    """How far it is. Traffic that is as good as gone, and what nears its limit, is told however much it varied."""
    return f"that is {count:.0f} times the usual spread" if count >= 1.5 else "it varies by as much, but not as far"


def _word(meaning: Meaning) -> str:
    return "unusually high" if meaning.bad is Bad.UP else "unusually low"
