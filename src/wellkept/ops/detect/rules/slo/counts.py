"""Events of an indicator by the minute: how many there were, and how many of them were bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import promql_parser as ast

from wellkept.kernel.clock import from_nanos
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.base import Expression
from wellkept.ops.detect.rules.slo.base import Indicator, OfEvents, OfService, OfShare
from wellkept.store.telemetry.answered import CALLS, FAILED, SLOW
from wellkept.store.telemetry.indicators import ERRORS, RATE, slower_than, with_reported
from wellkept.store.telemetry.promql.recorded import Recorded
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.syntax import parse
from wellkept.store.telemetry.promql.values import Numbers, Vector
from wellkept.store.telemetry.requestnames import NAMES, REQUEST_BUCKETS
from wellkept.store.telemetry.routes import of_endpoint
from wellkept.store.telemetry.window import Window

_COMPARED = {"lt": np.less, "lte": np.less_equal, "gt": np.greater, "gte": np.greater_equal}


class MetricWindows(Protocol):
    def window(
        self, start: datetime, end: datetime, step_s: float, *, names: Sequence[str] | None = None
    ) -> Window: ...


class SpanWindows(Protocol):
    def red(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class AnsweredWindows(Protocol):
    def counts(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        service: str,
        *,
        endpoint: str = "",
        slower_than_s: float | None = None,
    ) -> Window: ...


class Telemetry(Protocol):
    """What objectives read of the telemetry store, beside PromQL."""

    @property
    def metrics(self) -> MetricWindows: ...

    @property
    def spans(self) -> SpanWindows: ...


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """``bad`` and ``total``: float64[T], events in the step that ends at each step; NaN where nothing is known."""

    steps: Steps
    bad: Numbers
    total: Numbers


class Counting:
    """Counts the events of indicators over many steps at once."""

    def __init__(self, answers: Answers, telemetry: Telemetry, answered: AnsweredWindows) -> None:
        self._answers, self._telemetry, self._answered = answers, telemetry, answered

    def count(self, indicator: Indicator, steps: Steps, recorded: Recorded | None = None) -> Counts:
        """The events in every step.

        Raises:
            WellkeptError: the indicator cannot be asked for, or the engine failed.
        """
        match indicator:
            case OfService():
                return self._of_service(indicator, steps)
            case OfEvents():
                total = self._events(indicator.total, indicator, steps, recorded)
                part = self._events(indicator.part, indicator, steps, recorded)
                known = np.where(np.isfinite(total), np.nan_to_num(part, nan=0.0), np.nan)
                bad = np.maximum(total - known, 0.0) if indicator.part_is_good else np.minimum(known, total)
                return Counts(steps, bad, total)
            case OfShare():
                return self._of_share(indicator, steps, recorded)

    def _of_service(self, indicator: OfService, steps: Steps) -> Counts:
        start, end = _span(steps)
        step_s = steps.step_ms / 1000
        window = self._answered.counts(
            start, end, step_s, indicator.service, endpoint=indicator.endpoint, slower_than_s=indicator.slower_than_s
        )
        wanted = FAILED if indicator.slower_than_s is None else SLOW
        if not window.series:
            if indicator.slower_than_s is not None:
                return self._slow(indicator, indicator.slower_than_s, steps)
            return self._reported(indicator, steps)
        return Counts(steps, _total(window, wanted), _total(window, CALLS))

    def _reported(self, indicator: OfService, steps: Steps) -> Counts:
        """Of a service without spans: what it tells of its requests by itself."""
        step_s = steps.step_ms / 1000
        metrics = self._told(indicator, steps, NAMES)
        red = with_reported(Window(metrics.times, np.empty((len(metrics.times), 0)), ()), metrics)
        own = [column for column, info in enumerate(red.series) if _is_meant(info.entity, indicator.service)]
        chosen = Window(red.times, red.values[:, own], tuple(red.series[column] for column in own))
        total = _total(chosen, RATE) * step_s
        bad = np.nan_to_num(_total(chosen, ERRORS), nan=0.0) * step_s
        return Counts(steps, np.where(np.isfinite(total), bad, np.nan), total)

    def _slow(self, indicator: OfService, slower_than_s: float, steps: Steps) -> Counts:
        """The same of how long its answers took, by the buckets of its histograms."""
        buckets = self._told(indicator, steps, REQUEST_BUCKETS)
        told = slower_than(buckets, slower_than_s)
        found = [counts for entity, counts in told.items() if _is_meant(entity, indicator.service)]
        if not found:
            return Counts(steps, *np.full((2, len(buckets.times)), np.nan))
        slow, total = np.nansum(np.array(found), axis=0) * (steps.step_ms / 1000)
        return Counts(steps, np.where(total > 0, slow, np.nan), np.where(total > 0, total, np.nan))

    def _told(self, indicator: OfService, steps: Steps, names: Sequence[str]) -> Window:
        start, end = _span(steps)
        metrics = self._telemetry.metrics.window(start, end, steps.step_ms / 1000, names=names)
        return of_endpoint(metrics, indicator.endpoint) if indicator.endpoint else metrics

    def _events(self, query: str, indicator: OfEvents, steps: Steps, recorded: Recorded | None) -> Numbers:
        if not indicator.is_counter:
            return _summed(self._answers.ask(Expression(query), steps, recorded)) * (steps.step_ms / 1000)
        before = Steps(steps.start_ms - steps.step_ms, steps.step_ms, steps.count + 1)
        return _increase(self._answers.ask(Expression(_inside(query)), before, recorded))

    def _of_share(self, indicator: OfShare, steps: Steps, recorded: Recorded | None) -> Counts:
        vector = self._answers.ask(Expression(indicator.query), steps, recorded)
        values = np.where(vector.present, vector.values, np.nan)
        there = np.isfinite(values).sum(axis=0)
        if indicator.limit is not None:
            is_good = _COMPARED[indicator.comparison](values, indicator.limit) | np.isnan(values)
            bad = (~is_good).sum(axis=0) / np.maximum(there, 1)
        else:
            share = np.clip(np.nansum(values, axis=0) / np.maximum(there, 1), 0.0, 1.0)
            bad = 1.0 - share if indicator.is_good else share
        total = np.where(there > 0, 1.0, np.nan)
        return Counts(steps, np.asarray(bad * total, dtype=np.float64), total)


def _is_meant(entity: str, service: str) -> bool:
    """Whether an objective is for an entity: by its id, or by the name of a service in whatever namespace."""
    return entity in (service, f"service:{service}") or entity.endswith(f"/{service}")


def _inside(query: str) -> str:
    """Of a sum of counters the counters, which start anew one by one; anything else as it is."""
    tree = parse(query)
    while isinstance(tree, ast.ParenExpr):
        tree = tree.expr
    if isinstance(tree, ast.AggregateExpr) and str(tree.op).strip() == "sum":
        return str(tree.expr)
    return query


def _increase(vector: Vector) -> Numbers:
    """How much all counters together grew in each step but the first; a counter that falls has started anew.

    A gap in a counter is bridged: what it grew by is of the step in which it is back.
    """
    values = np.where(vector.present, vector.values, np.nan).T
    if not values.shape[1]:
        return np.full(len(values) - 1, np.nan)
    row = np.where(np.isfinite(values), np.arange(len(values))[:, None], -1)
    before = np.maximum.accumulate(row, axis=0)[:-1]
    earlier = np.where(before >= 0, np.take_along_axis(values, np.maximum(before, 0), axis=0), np.nan)
    growth = values[1:] - earlier
    growth = np.where(growth < 0, values[1:], growth)
    known = np.isfinite(growth).any(axis=1)
    return np.where(known, np.nansum(growth, axis=1), np.nan)


def _summed(vector: Vector) -> Numbers:
    values = np.where(vector.present, vector.values, np.nan)
    known = np.isfinite(values).any(axis=0)
    return np.where(known, np.nansum(values, axis=0), np.nan)


def _total(window: Window, name: str) -> Numbers:
    own = [column for column, info in enumerate(window.series) if info.name == name]
    if not own:
        return np.full(len(window.times), np.nan)
    return _summed(Vector([()] * len(own), window.values[:, own].T, np.isfinite(window.values[:, own].T)))


def _span(steps: Steps) -> tuple[datetime, datetime]:
    """The beginning of the first step and the end of the last."""
    return from_nanos((steps.start_ms - steps.step_ms) * 1_000_000), from_nanos(steps.end_ms * 1_000_000)
