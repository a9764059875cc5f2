"""Series that the baseline calls unusual, and how one of them is told of: shared by the detectors that go by scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence, Finding
from wellkept.ops.detect.base import View
from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.catalogue import BY_NAME, amount
from wellkept.ops.detect.meaning import Meaning
from wellkept.ops.detect.signals import evidence_of, moment, told_band, watched
from wellkept.ops.detect.words import capital, labelled, subject
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float32]

NEVER_S = 10 * 365 * 86_400.0
"""What happens less often than this is said to be so."""
NO_MORE = 300.0
"""No probability is smaller than a tenth to this power."""
HALF = 10.0
"""A score so far above its threshold counts one half."""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The most unusual of the newest steps of each series of one window: all [S].

    ``strength`` is the highest score of a sudden change, -log10 of a probability, ``row`` the step it is of, counted
    back from the newest. ``lasting`` is the score of what lasts, in the newest step. ``threshold`` is what they are
    worth a word from; infinite for a series that is not known for long enough.
    """

    window: Window
    scores: Scores
    strength: Floats
    row: NDArray[np.intp]
    lasting: Floats
    threshold: Floats

    def one(self, column: int) -> Unusual:
        return Unusual(self, column)


def peaks(view: View, steps: int) -> Iterator[Peaks]:
    """The peaks in the newest ``steps`` steps of every window that has scores."""
    windows = {"metrics": view.metrics, "red": view.red, "exclusive": view.exclusive, "logs": view.logs}
    for name, window in windows.items():
        scores, thresholds = view.scores.get(name), view.thresholds.get(name)
        if scores is None or thresholds is None or not scores.sudden.size or not len(window.series):
            continue
        newest = np.nan_to_num(scores.sudden[-steps:], posinf=NO_MORE)
        row = len(newest) - 1 - np.argmax(newest[::-1], axis=0)
        strength = newest[row, np.arange(newest.shape[1])]
        threshold = np.where(scores.ready, thresholds, np.inf)
        back, lasting = len(newest) - 1 - row, np.nan_to_num(scores.unusual[-1], posinf=NO_MORE)
        yield Peaks(window, scores, strength, back, lasting, threshold.astype(np.float32))


class Unusual:
    """One series of the peaks of a window, in words and numbers."""

    def __init__(self, found: Peaks, column: int) -> None:
        self.column = column
        self.info: SeriesInfo = found.window.series[column]
        self.strength, self.threshold = float(found.strength[column]), float(found.threshold[column])
        values = found.window.values[:, column]
        told = np.flatnonzero(np.isfinite(values))
        self.newest = float(values[told[-1]]) if len(told) else float("nan")
        """Its newest value, and when that was."""
        self.seen_at: datetime = moment(found.window.times[told[-1] if len(told) else 0])
        place = len(values) - 1 - int(found.row[column])
        seen = np.flatnonzero(np.isfinite(values[: place + 1]))
        place = int(seen[-1]) if len(seen) else place
        self.value = float(values[place])
        self.before = float(values[seen[-2]]) if len(seen) > 1 else None
        """The value before that one."""
        back = int(found.row[column]) + 1
        blame = found.scores.blame
        self.blame = self.strength if blame is None else float(blame[-back, column])
        """How far out it is, to rank several by."""
        low, high = float(found.scores.low[-back, column]), float(found.scores.high[-back, column])
        self.band = (low, high) if np.isfinite(low) and np.isfinite(high) else None
        self.starts_at: datetime = moment(found.window.times[place] - found.window.step_s)
        self._window, self._values = found.window, values

    @property
    def meaning(self) -> Meaning | None:
        """What the catalogue knows of it."""
        meaning = BY_NAME.get(self.info.name)
        return meaning if meaning is not None and watched(self.info, meaning) else None

    @property
    def excess(self) -> float:
        return self.strength - self.threshold

    @property
    def is_usual(self) -> bool:
        """Whether the value itself is within what is usual: then it is the step to it that is not."""
        return self.band is not None and self.band[0] <= self.value <= self.band[1]

    @property
    def is_return(self) -> bool:
        """Whether it stepped towards the middle of what is usual, and is within it."""
        if self.band is None or self.before is None or not self.is_usual:
            return False
        middle = 0.5 * (self.band[0] + self.band[1])
        return abs(self.value - middle) < abs(self.before - middle)

    @property
    def is_felt(self) -> bool:
        """Whether users feel it: a symptom that got worse by more than anyone would shrug at."""
        meaning = self.meaning
        if meaning is None or not meaning.symptom or self.band is None:
            return False
        edge = self.band[1] if meaning.bad > 0 else self.band[0]
        worse = meaning.bad * (self.value - edge)
        return worse >= max(meaning.floor, meaning.share * abs(edge))

    @property
    def says(self) -> str:
        """What it measures, and of whom."""
        if self.meaning is None:
            what, whom = self.info.name, labelled(self.info)
        else:
            what, whom = self.meaning.says, subject(self.info)
        return f"{what} of {whom}" if whom else what

    @property
    def subject(self) -> str:
        """The same at the beginning of a sentence; the name of a metric stays as it is."""
        return self.says if self.meaning is None else capital(self.says)

    @property
    def _unit(self) -> str:
        """A bare number is a share where the catalogue says so; of other metrics it may as well be a count."""
        if self.meaning is not None:
            return self.meaning.unit
        return "" if self.info.unit == "1" else self.info.unit

    def level(self) -> str:
        """Its value, and what is usual."""
        unit, band = self._unit, told_band(self.band, self._values)
        if band is None:
            return amount(self.value, unit)
        low, high = (amount(edge, unit) for edge in band)
        usual = low if low == high else f"{low} to {high}"
        if self.is_usual and self.before is not None:
            before = amount(self.before, unit)
            return f"{amount(self.value, unit)} after {before}, a sudden step though {usual} is usual"
        return f"{amount(self.value, unit)}, where {usual} is usual"

    def title(self) -> str:
        return f"{self.subject} is unusual"

    def evidence(self) -> Evidence:
        values = {
            "level": round(self.value, 9),
            "score": round(self.strength, 4),
            "threshold": round(self.threshold, 4),
        }
        return evidence_of(self.info, self._window.times, self._values, values, self.band)


def kept(known: Finding, now: Iterable[Unusual]) -> Finding:
    """An open finding as it was when it was most unusual, with the pictures of now."""
    fresh = {(one.info.name, tuple(sorted(one.info.attributes.items()))): one.evidence() for one in now}
    return replace(known, evidence=tuple(_pictured(old, fresh) for old in known.evidence))


def _pictured(old: Evidence, fresh: Mapping[tuple[str, tuple[tuple[str, str], ...]], Evidence]) -> Evidence:
    new = fresh.get((old.signal, tuple(sorted(old.attributes.items()))), old)
    return replace(old, points=new.points, window_start=new.window_start, window_end=new.window_end)


def share(excess: float) -> float:
    """How far above its threshold a score is, between 0 and 1."""
    return round(excess / (excess + HALF), 6) if excess > 0 else 0.0


def how_often(strength: float, step_s: float) -> str:
    """How often something so unusual happens by chance: ``once in 3 weeks``."""
    seconds = 10.0 ** min(strength, NO_MORE) * step_s
    if seconds > NEVER_S:
        return "less often than once in 10 years"
    for length, name in ((365 * 86_400, "year"), (7 * 86_400, "week"), (86_400, "day"), (3600, "hour")):
        count = seconds / length
        if count >= 0.95:
            return f"once in {count:.0f} {name}s" if count >= 1.5 else f"once a {name}" if name != "hour" else "hourly"
    return f"every {seconds / 60:.0f} minutes" if seconds >= 90 else "every minute"


def after_deploy(view: View, entity: str, starts_at: datetime) -> str:
    """The words that name the last deploy of an entity, where it was before; empty otherwise."""
    deploy = view.deploys.get(entity)
    return f", after the deploy of {deploy.at:%H:%M}" if deploy is not None and deploy.at <= starts_at else ""
