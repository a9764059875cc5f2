"""Recorded faults whose cause is known: the alert of each is given, and the place of the true cause is looked up.

A suspect that is as likely as the true one counts before it. The truth stands in the layout under ``extra.bench``,
which the platform passes by.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from wellkept.evaluation.diagnose_store import Stands, Told
from wellkept.kernel.entity import entity_of
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.recording.recording import Recording, Source, baseline, read

SHIFTS = {"plus60": 60.0, "minus60": -60.0}
"""How much later, or earlier, the alert is said to have come, in seconds."""
FIRST_S = 60.0
"""Of ``first_minute``: the diagnosis is made when the first whole minute after the alert is over."""


class Truth(BaseModel):
    """``extra.bench`` of a layout: the columns of the cases that name the true cause, and those to group by."""

    model_config = ConfigDict(extra="forbid")

    cause: dict[str, str]
    fault: dict[str, object] | None = None
    """The column that names the kind of the fault, and which of the platform's kinds each word stands for."""
    groups: list[str] = []
    baseline: list[str] = []
    """Cases that are alike in these columns share their baseline."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said at one moment: the true cause's place among all suspects (0: none of them), and who was named."""

    place: int
    place_kind: int
    named: str
    fault: str
    confidences: tuple[float, ...]
    true_at: int
    """Which of the confidences is the true cause's; -1 where none is."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case under each way of asking: ``given``, ``plus60``, ``minus60``, ``first_minute``."""

    case: str
    half: str
    group: str
    truth: str
    fault: str
    suspects: int
    answers: dict[str, Answer]


@dataclass(frozen=True, slots=True)
class Healthy:
    """What was said at a moment at which nothing was wrong."""

    half: str
    named: str
    confidences: tuple[float, ...]


def half_of(name: str) -> str:
    """``tune`` or ``report``, by a hash of the name."""
    return "tune" if hashlib.sha256(name.encode()).digest()[0] % 2 == 0 else "report"


class Cases:
    """The cases of one recording.

    Raises:
        InputError: the layout names no cases, or does not say what was true.
    """

    def __init__(self, source: Source) -> None:
        if source.layout is None or source.layout.cases is None or "bench" not in source.layout.extra:
            raise InputError(f"layout {source.named}", "must name a table of cases, and the truth in extra.bench")
        self._source, self._truth = source, Truth.model_validate(source.layout.extra["bench"])
        self.rows = {str(row[source.layout.cases.id]): row for row in source.rows()}
        self._has_traces = bool(source.layout.traces)

    def run(
        self, half: str, most: int, moments: int, tell: Callable[[str], None]
    ) -> tuple[list[Result], list[Healthy]]:
        """Judge the cases of a half (or ``all``), at most so many, and so many moments at which nothing was wrong."""
        names = [name for name in sorted(self.rows) if half in ("all", half_of(name))][: most or None]
        results = []
        with (
            tempfile.TemporaryDirectory(prefix="wellkept-eval-") as folder,
            contextlib.closing(Stands(Path(folder))) as stands,
        ):
            for number, name in enumerate(names, start=1):
                results.append(self._judge(stands, name))
                tell(f"  {number} of {len(names)}: {_words(results[-1])}")
            healthy = self._healthy(stands, half, moments, tell) if moments else []
        return results, healthy

    def _judge(self, stands: Stands, name: str) -> Result:
        row = self.rows[name]
        truth = entity_of({key: str(row[column]) for key, column in self._truth.cause.items()})
        fault = self._fault(row)
        recording = read(self._source, name)
        alert = recording.alerts[0]
        with stands.of(recording) as stand:
            step = timedelta(seconds=stand.run.settings.diagnose.step_s)

            def ask(at: datetime, now: datetime) -> Answer:
                return _answer(stand.diagnose(alert, at, now), truth, fault)

            answers: dict[str, Answer] = {}
            if self._has_traces and step.total_seconds() <= FIRST_S:
                now = _whole_minute(alert.starts_at)
                stand.look_around(now)
                answers["first_minute"] = ask(alert.starts_at, now)
            stand.look_around(stand.last)
            answers["given"] = ask(alert.starts_at, stand.last)
            for shift, by in SHIFTS.items():
                answers[shift] = ask(alert.starts_at + timedelta(seconds=by), stand.last)
            suspects = len([e for e in stand.run.topology.graph(stand.last).entities if e.startswith("service:")])
        group = " ".join(str(row[column]) for column in self._truth.groups)
        return Result(name, half_of(name), group, truth, fault, suspects, answers)

    def _fault(self, row: dict[str, object]) -> str:
        rule = self._truth.fault
        if rule is None:
            return ""
        word = str(row[str(rule["column"])])
        words = rule.get("map", {})
        return str(words.get(word, word)) if isinstance(words, dict) else word

    def _healthy(self, stands: Stands, half: str, count: int, tell: Callable[[str], None]) -> list[Healthy]:
        """The alert of one case of each group of cases that share a baseline, raised within it."""
        shared: dict[str, str] = {}
        for name in sorted(self.rows):
            shared.setdefault(" ".join(str(self.rows[name][column]) for column in self._truth.baseline), name)
        found: list[Healthy] = []
        known = []
        for name in list(shared.values())[:count]:
            with contextlib.suppress(InputError):  # a case without a baseline says nothing about false alarms
                known.append((name, baseline(self._source, name)))
        for name, recording in known:
            found.extend(self._healthy_of(stands, name, recording, max(1, count // len(known)), half))
            tell(f"  healthy moments until {name}: {sum(bool(one.named) for one in found)} named of {len(found)}")
        return found

    def _healthy_of(self, stands: Stands, name: str, recording: Recording, count: int, half: str) -> list[Healthy]:
        alert = read(self._source, name).alerts[0]
        found = []
        with stands.of(recording) as stand:
            for at, now in stand.moments(count):
                mine = half_of(f"{name} {at.isoformat()}")
                if half not in ("all", mine):
                    continue
                stand.look_around(now)
                told = stand.diagnose(alert, at, now)
                found.append(Healthy(mine, _named(told), tuple(cause.confidence for cause in told.ranked)))
        return found


def _whole_minute(alert: datetime) -> datetime:
    """The end of the first whole minute after an alert, which is 60 to 120 seconds after it."""
    return alert.replace(second=0, microsecond=0) + timedelta(seconds=2 * FIRST_S)


def _answer(told: Told, truth: str, fault: str) -> Answer:
    sure = {cause.entity: cause for cause in told.ranked}
    mine = sure.get(truth)
    place = 0 if mine is None else sum(cause.confidence >= mine.confidence for cause in told.ranked)
    return Answer(
        place=place,
        place_kind=place if mine is not None and mine.fault.value == fault else 0,
        named=_named(told),
        fault=told.diagnosis.best.fault.value if told.diagnosis.best else "",
        confidences=tuple(cause.confidence for cause in told.ranked),
        true_at=next((at for at, cause in enumerate(told.ranked) if cause.entity == truth), -1),
        seconds=told.seconds,
    )


def _named(told: Told) -> str:
    return told.diagnosis.best.entity if told.diagnosis.best else ""


def _words(result: Result) -> str:
    given = result.answers["given"]
    best = max(given.confidences, default=0.0)
    places = " ".join(f"{key} {one.place or '-'}" for key, one in result.answers.items())
    return (
        f"{result.case} ({result.half}): {places}; {best:.0%} {given.named or 'nobody'} {given.fault}, "
        f"true {result.truth} {result.fault}; {given.seconds:.2f} s"
    )


def by_group(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results by their groups, and by half."""
    found: dict[str, list[Result]] = {}
    for result in results:
        for key in (result.half, result.group):
            found.setdefault(key, []).append(result)
    return dict(sorted(found.items()))
