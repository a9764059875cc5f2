"""What runs in detection, told to people: which detectors there are, what they do, and why they say what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.described import described, paragraphs
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.judged import Judged, columns_of
from wellkept.ops.detect.stage import DetectRunner
from wellkept.ops.detect.together import DETECTOR
from wellkept.store.telemetry.window import SeriesInfo

MOST_FINDINGS = 5000
LAST = 10
MOST_SERIES = 50
BLIND = "Says nothing of what telemetry itself is wrong about (gaps, frozen values, wrong clocks), which is told apart."


class FindingLog(Protocol):
    """What explaining needs of the stream."""

    def findings(
        self, *, start: datetime | None = None, end: datetime | None = None, limit: int = 1000
    ) -> list[Finding]: ...


class Explained:
    """Answers about the detectors of a runner. ``off``: those that the configuration has switched off."""

    def __init__(
        self,
        runner: DetectRunner,
        stream: FindingLog,
        clock: Clock,
        settings: DetectSettings,
        off: Iterable[type[Any]] = (),
    ) -> None:
        self._runner, self._stream, self._clock, self._settings = runner, stream, clock, settings
        self._off = {kind.name: kind for kind in off}

    def listing(self) -> list[dict[str, Any]]:
        """Every detector in short, those that are on first."""
        lately = self._since(timedelta(days=1))
        counts = Counter(finding.detector for finding in lately)
        running = Counter(finding.detector for finding in lately if finding.is_open)
        on = [self._short(detector, counts, running) for detector in self._runner.detectors]
        return on + [{**_told(kind), "enabled": False} for kind in self._off.values()]

    def detail(self, name: str, series: str = "") -> dict[str, Any]:
        """Everything about one detector. ``series``: a metric's name, an entity, or both with a space between them.

        Raises:
            NotFoundError: there is no detector of that name.
        """
        if name in self._off:
            kind = self._off[name]
            return {**_told(kind), "enabled": False, "does": paragraphs(kind)}
        detector = next((one for one in self._runner.detectors if one.name == name), None)
        if detector is None:
            known = ", ".join([*(one.name for one in self._runner.detectors), *self._off])
            raise NotFoundError(f"detector {name}", f"is not known; there are {known}")
        week = [finding for finding in self._since(timedelta(days=7)) if finding.detector == name]
        texts = paragraphs(type(detector))
        judged = self._runner.judged(self._clock.now())
        return {
            **self._short(detector, Counter({name: _of_a_day(week, self._clock.now())}), Counter(_open(week))),
            "does": [text for text in texts if not text.startswith("Source:")],
            "source": next((text.removeprefix("Source:").strip() for text in texts if text.startswith("Source:")), ""),
            "parameters": self._parameters(detector),
            "blind_spots": [BLIND, *getattr(detector, "blind_spots", ())],
            "findings_7d": len(week),
            "findings": [finding.told() for finding in week[:LAST]],
            "feedback": encode(list(judged.about(detector=name))[:LAST]),
            "thresholds": self._thresholds(detector, judged, series),
        }

    def _short(self, detector: Detector, counts: Mapping[str, int], running: Mapping[str, int]) -> dict[str, Any]:
        tally = self._runner.tallies[detector.name]
        budget = self._settings.budget_per_series_week if getattr(detector, "by_threshold", False) else None
        return {
            **_told(type(detector)),
            "enabled": True,
            "findings_24h": counts.get(detector.name, 0),
            "open": running.get(detector.name, 0),
            "last_s": round(tally.last_s, 4),
            "looks": tally.ticks,
            "failures": tally.failures,
            "held_back": tally.held_back,
            "budget_per_series_week": budget,
        }

    def _parameters(self, detector: Detector) -> list[dict[str, Any]]:
        own = getattr(detector, "parameters", None)
        shared = tuple(getattr(detector, "shared", ()))
        place = f"ops.detectors.{detector.name}"
        told = [(place, one) for one in described(own)] if own is not None else []
        told += [("ops.detect", one) for one in described(self._settings, shared)] if shared else []
        return [{**encode(one), "set_at": f"{where}.{one.name}"} for where, one in told]

    def _thresholds(self, detector: Detector, judged: Judged, series: str) -> list[dict[str, Any]]:
        """Of the series asked for, or of those that feedback is about: thresholds before feedback and after it."""
        if self._runner.looked is None or not getattr(detector, "by_threshold", False):
            return []
        view, then = self._runner.looked
        said_of = [[said.entity, said.signal] for said in judged.about(detector=detector.name)]
        if detector.name == DETECTOR:
            return _of_entities(view, then, judged, series.split() or [entity for entity, _ in said_of])
        found: dict[int, dict[str, Any]] = {}
        for names in [series.split()] if series.strip() else said_of:
            for told in _of_series(view, then, judged, [name for name in names if name]):
                found.setdefault(told["series"], told)
        return list(found.values())[:MOST_SERIES]

    def _since(self, length: timedelta) -> list[Finding]:
        now = self._clock.now()
        found = self._stream.findings(start=now - length, limit=MOST_FINDINGS)
        return [finding for finding in found if finding.starts_at >= now - length or finding.is_open]


def _told(kind: Any) -> dict[str, Any]:
    """What a detector's class says of itself."""
    texts = paragraphs(kind)
    first = texts[0].split(". ")[0].rstrip(".") if texts else ""
    return {
        "name": kind.name,
        "version": kind.version,
        "finds": getattr(kind, "finds", "") or first,
        "kinds": [str(one) for one in getattr(kind, "kinds", ())],
    }


def _of_series(view: View, then: Judged, judged: Judged, words: Sequence[str]) -> list[dict[str, Any]]:
    """``then``: the feedback that had moved the thresholds of the view; ``judged``: what counts now."""
    windows = {"metrics": view.metrics, "red": view.red, "exclusive": view.exclusive, "logs": view.logs}
    told = []
    for name, levels in view.thresholds.items():
        scores = view.scores[name]
        for column in _columns(windows[name].series, words):
            info = windows[name].series[column]
            usual = float(levels[column]) - then.shift(info.entity, info.name)
            newest = float(scores.sudden[-1, column]) if len(scores.sudden) else 0.0
            told.append(
                {
                    "series": info.id,
                    "name": info.name,
                    "entity": info.entity,
                    "attributes": dict(info.attributes),
                    "known": bool(scores.ready[column]),
                    "score": round(newest, 3),
                    "before_feedback": round(usual, 3),
                    "after_feedback": round(usual + judged.shift(info.entity, info.name), 3),
                    "feedback": encode(list(judged.about(signal=info.name))[:LAST]),
                }
            )
            if len(told) >= MOST_SERIES:
                return told
    return told


def _of_entities(view: View, then: Judged, judged: Judged, words: Sequence[str]) -> list[dict[str, Any]]:
    """The same of entities as a whole; a word that names none is a metric's, and asks for nothing here."""
    found = view.entities
    if found is None:
        return []
    places = [place for place, name in enumerate(found.names) if name in words][:MOST_SERIES]
    names = [found.names[place] for place in places]
    before, after = (moved.of_entities(names, DETECTOR) for moved in (then, judged))
    return [
        {
            "series": 0,
            "name": "all metrics",
            "entity": name,
            "attributes": {},
            "known": bool(found.ready[place]),
            "score": round(float(found.rarity[-1, place]), 3) if len(found.rarity) else 0.0,
            "before_feedback": round(float(found.threshold[place] - before[row]), 3),
            "after_feedback": round(float(found.threshold[place] - before[row] + after[row]), 3),
            "feedback": encode(list(judged.about(detector=DETECTOR, entity=name))[:LAST]),
        }
        for row, (place, name) in enumerate(zip(places, names, strict=True))
    ]


def _columns(series: tuple[SeriesInfo, ...], words: Sequence[str]) -> Sequence[int]:
    """The series of a name, an entity or an id, or of a name and an entity."""
    if len(words) > 1:
        own, _ = columns_of(series)
        return own.get((words[0], words[1]), own.get((words[1], words[0]), ())) if len(words) == 2 else ()
    return [
        column
        for column, info in enumerate(series)
        if all(word in (info.name, info.entity, str(info.id)) for word in words)
    ]


def _of_a_day(findings: Sequence[Finding], now: datetime) -> int:
    return sum(finding.starts_at >= now - timedelta(days=1) or finding.is_open for finding in findings)


def _open(findings: Sequence[Finding]) -> list[str]:
    return [finding.detector for finding in findings if finding.is_open]
