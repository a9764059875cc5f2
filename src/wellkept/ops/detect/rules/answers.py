"""What the questions of rules come to, at one moment or over a whole history at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Protocol

import numpy as np

from wellkept.kernel.clock import from_nanos
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.detect.rules.base import ENTITY, Expression, Question, Threshold
from wellkept.ops.detect.rules.functions import Ask, Facts
from wellkept.store.telemetry.indicators import with_reported
from wellkept.store.telemetry.promql.evaluation import Read
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.promql.recorded import Recorded
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Labels, Numbers, Scalar, Vector, empty, grouped, labels_of, unnamed
from wellkept.store.telemetry.requestnames import WITH_BUCKETS
from wellkept.store.telemetry.window import SeriesInfo, Window

LOOKBACK_S = 300.0
"""How long the last value of a metric counts where a step has none; PromQL looks back as far."""
QUIET_STEPS = 30
"""A service that was asked within so many steps and is asked no more has a rate of 0; later it is not there."""
MOST_STEPS = 5_000
"""Steps of a history that are asked for at once."""
MOST_VALUES = 50_000_000
"""So many values of one rule are held at once."""
MOST_ASKED, MOST_SAMPLES = 100, 1_000
"""So many questions of a rule's annotations are answered at a moment, with so many series each."""
INDICATORS = "span."
_COUNTED = ("span.rate", "span.errors")
_WHO = ("service.instance.id", "host.name", "process.pid", "k8s.pod.name")
"""Of a resource, what tells one reporter of a service from another."""


class MetricWindows(Protocol):
    def window(
        self, start: datetime, end: datetime, step_s: float, *, names: Sequence[str] | None = None
    ) -> Window: ...


class SpanWindows(Protocol):
    def red(self, start: datetime, end: datetime, step_s: float) -> Window: ...

    def exclusive(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class Telemetry(Protocol):
    """What rules read of the telemetry store, beside PromQL."""

    @property
    def metrics(self) -> MetricWindows: ...

    @property
    def spans(self) -> SpanWindows: ...


class Answers:
    """Answers questions. What several rules of a group ask for alike is read once for each moment."""

    def __init__(self, promql: PromQL, telemetry: Telemetry) -> None:
        self.promql, self._telemetry = promql, telemetry
        self._steps: Steps | None = None
        self._read: dict[str, Vector] = {}
        self._ahead: tuple[int, Read] = (0, {})
        self._seen: Read = {}

    def ahead(self, queries: Iterable[str], at_ms: int, stored: Collection[str]) -> None:
        """Read together what expressions will ask at a moment, but for metrics that are ``stored`` meanwhile."""
        self._ahead = (at_ms, self.promql.ahead(queries, at_ms, stored))
        self.forget()

    def forget(self) -> None:
        """Something was stored: read it all again, but for what was read ahead."""
        self._steps, self._read, self._seen = None, {}, {}

    def ask(self, question: Question, steps: Steps, recorded: Recorded | None = None) -> Vector:
        """The series for which the question holds, and where they do.

        Raises:
            InputError: the question cannot be answered as it is put.
            WellkeptError: the engine failed, was too slow, or is overloaded.
        """
        if steps != self._steps:
            self.forget()
            self._steps = steps
            at_ms, read = self._ahead
            self._seen = dict(read) if at_ms == steps.start_ms else {}
        parts: list[Vector] = []
        names: set[Labels] = set()
        for part in _parts(steps):
            parts.append(self._part(question, part, recorded))
            names.update(parts[-1].labels)
            if steps.count > MOST_STEPS and len(names) * steps.count > MOST_VALUES:
                rule = f"gives more than {MOST_VALUES:,} values (series times steps); take a shorter time"
                raise InputError("expr", rule, question.words)
        return parts[0] if len(parts) == 1 else beside(parts)

    def asking(self, steps: Steps, recorded: Recorded | None = None) -> Ask:
        """Answers the questions of annotations at a moment, each once. After one that fails none is answered."""
        answered: dict[str, Sequence[Facts]] = {}
        failed: list[WellkeptError] = []

        def ask(query: str) -> Sequence[Facts]:
            if query not in answered:
                if failed:
                    raise failed[0]
                try:
                    if len(answered) == MOST_ASKED:
                        raise InputError("annotations", f"must ask at most {MOST_ASKED} questions at a moment")
                    answered[query] = _samples(self.ask(Expression(query), steps, recorded))
                except WellkeptError as error:
                    failed.append(error)
                    raise
            return answered[query]

        return ask

    def _part(self, question: Question, steps: Steps, recorded: Recorded | None) -> Vector:
        if isinstance(question, Threshold):
            return self._beyond(question, steps)
        return self._expression(question, steps, recorded)

    def _expression(self, question: Expression, steps: Steps, recorded: Recorded | None) -> Vector:
        if steps.count == 1 and recorded is None:
            value = self.promql.instant(question.query, steps.start_ms, read=self._seen).value
        else:
            start, end, step = steps.start_ms, steps.end_ms, steps.step_ms
            value = self.promql.range(question.query, start, end, step, recorded=recorded).value
        if isinstance(value, Scalar):
            return Vector([()], value.values[None, :], np.ones((1, steps.count), dtype=bool))
        if not isinstance(value, Vector):
            raise InputError("expr", "must give a vector or a scalar", question.query)
        return value

    def _beyond(self, question: Threshold, steps: Steps) -> Vector:
        key = f"{question.metric} {question.is_above}"
        if steps.count != 1 or key not in self._read:
            self._read[key] = self._values(question, steps)
        values = self._read[key]
        chosen = [row for row, labels in enumerate(values.labels) if _is_meant(question, dict(labels))]
        found = values.rows(chosen)
        is_beyond = found.values > question.limit if question.is_above else found.values < question.limit
        return found.where(is_beyond).seen()

    def _values(self, question: Threshold, steps: Steps) -> Vector:
        """The metric's value in every step, whether beyond the limit or not."""
        step_s = steps.step_ms / 1000
        back = QUIET_STEPS if question.metric.startswith(INDICATORS) else int(LOOKBACK_S / step_s)
        start = from_nanos((steps.start_ms - steps.step_ms * (back + 1)) * 1_000_000)
        end = from_nanos(steps.end_ms * 1_000_000)
        if question.metric.startswith(INDICATORS):
            window = self._indicators(question.metric, start, end, step_s)
        else:
            window = self._telemetry.metrics.window(start, end, step_s, names=[question.metric])
        columns = [column for column, info in enumerate(window.series) if info.name == question.metric]
        if not columns:
            return empty(steps.count)
        values = window.values[:, columns]
        if question.metric in _COUNTED:
            values = np.where(np.isnan(values) & np.isfinite(_carried(values, back)), 0.0, values)
        elif not question.metric.startswith(INDICATORS):
            values = _carried(values, back)
        values = values[-steps.count :].T
        labels = [_labels(window.series[column]) for column in columns]
        return _worst(labels, values, np.fmax if question.is_above else np.fmin)

    def _indicators(self, metric: str, start: datetime, end: datetime, step_s: float) -> Window:
        if metric.startswith("span.exclusive"):
            return self._telemetry.spans.exclusive(start, end, step_s)
        reported = self._telemetry.metrics.window(start, end, step_s, names=WITH_BUCKETS)
        return with_reported(self._telemetry.spans.red(start, end, step_s), reported)


def _samples(vector: Vector) -> list[Facts]:
    rows = np.flatnonzero(vector.present[:, 0])[:MOST_SAMPLES].tolist()
    return [Facts(dict(vector.labels[row]), float(vector.values[row, 0])) for row in rows]


def beside(parts: Sequence[Vector]) -> Vector:
    """Vectors of one stretch of time after the other as one."""
    labels, index = grouped([one for part in parts for one in part.labels])
    counts = [part.values.shape[1] for part in parts]
    values = np.zeros((len(labels), sum(counts)))
    present = np.zeros(values.shape, dtype=bool)
    bounds = pairwise(np.cumsum([0, *counts]).tolist())
    row = 0
    for part, (first, after) in zip(parts, bounds, strict=True):
        rows = index[row : row + len(part.labels)]
        values[rows, first:after], present[rows, first:after] = part.values, part.present
        row += len(part.labels)
    return Vector(labels, values, present)


def _parts(steps: Steps) -> list[Steps]:
    return [
        Steps(steps.start_ms + first * steps.step_ms, steps.step_ms, min(MOST_STEPS, steps.count - first))
        for first in range(0, steps.count, MOST_STEPS)
    ]


def _carried(values: Numbers, steps: int) -> Numbers:
    """Each gap filled with the value before it, if that is at most so many steps back; [T, S]."""
    row = np.where(np.isfinite(values), np.arange(len(values))[:, None], -(steps + len(values) + 1))
    last = np.maximum.accumulate(row, axis=0)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(np.arange(len(values))[:, None] - last <= steps, filled, np.nan)


def _labels(info: SeriesInfo) -> Labels:
    who = () if "instance" in info.attributes else _WHO
    told = {name: info.resource_attributes.get(name, "") for name in who} | dict(info.attributes)
    return labels_of([(ENTITY, info.entity), *((_label(name), text) for name, text in told.items())])


def _label(name: str) -> str:
    return "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in name)


def _worst(labels: Sequence[Labels], values: Numbers, how: Callable[[Numbers, Numbers], Numbers]) -> Vector:
    """Series that are called alike as one, whose value is the nearest to trouble."""
    names, index = grouped([unnamed(one) for one in labels])
    total = np.full((len(names), values.shape[1]), np.nan)
    for row, into in enumerate(index.tolist()):
        total[into] = how(total[into], values[row])
    return Vector(names, np.nan_to_num(total, nan=0.0), np.isfinite(total))


def _is_meant(question: Threshold, labels: dict[str, str]) -> bool:
    for name, value in question.where.items():
        own = labels.get(ENTITY if name in (ENTITY, "service", "host") else _label(name), "")
        named = own == value or (name in (ENTITY, "service", "host") and own.partition(":")[2].split("/")[-1] == value)
        if not named:
            return False
    return True
