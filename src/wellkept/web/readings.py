"""Telemetry for the pages: bounded windows, kept for a few seconds, and an empty answer where the engine fails.

A page about the health of systems must come up when one of its engines does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from wellkept.kernel.change import Change
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.ml.watch.affected import Affected
from wellkept.store.telemetry.indicators import with_reported
from wellkept.store.telemetry.log_pages import LogPages, LogsWanted
from wellkept.store.telemetry.requestnames import WITH_BUCKETS
from wellkept.store.telemetry.routes import reported_endpoints
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.trace_pages import TracePages
from wellkept.store.telemetry.window import SeriesInfo, Window
from wellkept.web.answers import BUCKETS, Answers, read_answers
from wellkept.web.recent import Recent

log = logging.getLogger(__name__)

T = TypeVar("T")

KEEP_S = 4.0
KEEP_LONG_S = 10.0
NEWEST_S = 60.0
MOST_SPANS, MOST_ANSWERS = 120_000, 500_000
"""About so many spans, whole traces each, are looked at for a chart or a table; the second where each counts by itself
and none is put beside the others of its trace."""
EMPTY = Window(np.empty(0), np.empty((0, 0)), ())


class Readings:
    """Reads the telemetry store for the pages."""

    def __init__(self, telemetry: Telemetry, recent: Recent, clock: Clock) -> None:
        self._telemetry, self._recent, self._clock = telemetry, recent, clock
        self.problem = ""
        """What went wrong at the last reading; empty when it worked."""

    def metrics(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        names: Sequence[str],
        entities: Sequence[str] = (),
    ) -> Window:
        """The named metrics on a grid whose steps begin at round moments."""
        first, last = _round(start, step_s), _round(end, step_s) + timedelta(seconds=step_s)
        key = ("metrics", first, last, step_s, tuple(names), tuple(entities))
        read = self._telemetry.metrics.window
        return self._get(key, KEEP_S, lambda: read(first, last, step_s, names=names, entities=entities), EMPTY)

    def red(self, start: datetime, end: datetime, step_s: float) -> Window:
        """Rate, errors and duration of the services, of about ``MOST_ANSWERS`` spans, or as they report themselves.

        The step that has only begun is left out.
        """
        first, last = _round(start, step_s), _round(end, step_s)

        def read() -> Window:
            reported = self._telemetry.metrics.window(first, last, step_s, names=WITH_BUCKETS)
            return with_reported(self._telemetry.spans.red(first, last, step_s, MOST_ANSWERS), reported)

        return self._get(("red", first, last, step_s), KEEP_S, read, EMPTY)

    def endpoints(self, entity: str, start: datetime, end: datetime, step_s: float) -> Window:
        """What a service answered by endpoint in all of the time, of about ``MOST_ANSWERS`` spans or as it reports it.

        One step; a report is the mean of steps of ``step_s``.
        """
        first, last = _round(start, step_s), _round(end, step_s)

        def read() -> Window:
            whole_s = (last - first).total_seconds()
            spans = self._telemetry.spans
            traced = spans.endpoints(first, last, whole_s, entity=entity, limit=MOST_ANSWERS)
            if traced.series:
                return traced
            reported = self._telemetry.metrics.window(first, last, step_s, names=WITH_BUCKETS, entities=[entity])
            return reported_endpoints(_mean(reported))

        return self._get(("endpoints", entity, first, last), KEEP_S, read, EMPTY)

    def exclusive(self, start: datetime, end: datetime, step_s: float) -> Window:
        """The time that services spent themselves, of about ``MOST_SPANS`` spans."""
        first, last = _round(start, step_s), _round(end, step_s)
        key = ("exclusive", first, last, step_s)
        return self._get(key, KEEP_S, lambda: self._telemetry.spans.exclusive(first, last, step_s, MOST_SPANS), EMPTY)

    def trace(self, trace_id: str, limit: int) -> list[dict[str, Any]]:
        """The spans of a trace by time; none where it is not known."""
        pages = TracePages(self._telemetry.engine)
        key = ("trace", trace_id, limit)
        return self._get(key, KEEP_LONG_S, lambda: pages.spans(trace_id, limit).to_pylist(maps_as_pydicts="strict"), [])

    def usual(
        self, start: datetime, end: datetime, entities: Sequence[str], names: Sequence[str]
    ) -> list[dict[str, Any]]:
        """How operations of services went, of about ``MOST_ANSWERS`` spans; see ``TracePages.usual``."""
        read = TracePages(self._telemetry.engine).usual
        key = ("usual", start, end, tuple(entities), tuple(names))
        return self._get(
            key,
            KEEP_LONG_S,
            lambda: read(start, end, entities, names, MOST_ANSWERS).to_pylist(),
            list[dict[str, Any]](),
        )

    def lines(self, wanted: LogsWanted, limit: int) -> list[dict[str, Any]]:
        """Log records, newest first; see ``LogPages.page``.

        Raises:
            InputError: too many words.
        """
        pages = LogPages(self._telemetry.engine)
        read = pages.page
        return self._get(
            ("lines", wanted, limit),
            KEEP_S,
            lambda: read(wanted, limit).rows.to_pylist(maps_as_pydicts="strict"),
            [],
        )

    def patterns(self, start: datetime, end: datetime, service: str, severity: int, limit: int) -> list[dict[str, Any]]:
        """The most frequent patterns of what was logged; see ``PatternStore.listed``."""
        last = _round(end, KEEP_LONG_S)
        span = (last - (end - start), last)
        read = self._telemetry.patterns.listed
        return self._get(
            ("patterns", *span, service, severity, limit),
            KEEP_LONG_S,
            lambda: read(*span, service=service, severity=severity, limit=limit).to_pylist(),
            [],
        )

    def patterns_of(self, start: datetime, end: datetime, entity: str) -> list[dict[str, Any]]:
        """The most frequent patterns of an entity in exactly this time."""
        read = self._telemetry.patterns.listed
        key = ("patterns of", start, end, entity)
        return self._get(key, KEEP_LONG_S, lambda: read(start, end, entity=entity, limit=200).to_pylist(), [])

    def answers(self, model: str, start: datetime, end: datetime) -> Answers | None:
        """What a model answered, bounded; the longer the stretch, the longer it is kept.

        The newest answers are missing for a minute, or for a small part of a bucket of a long stretch: not for a whole
        one, which of a week are hours.
        """
        step_s = (end - start).total_seconds() / BUCKETS
        grid_s = max(min(step_s, NEWEST_S), step_s / BUCKETS)
        first, last = _round(start, grid_s), _round(end, grid_s)
        kept_s = max(KEEP_LONG_S, step_s / 10)
        return self._get(
            ("answers", model, first, last),
            kept_s,
            lambda: read_answers(self._telemetry.predictions, model, first, last, self._clock.now()),
            None,
        )

    def predictions_between(self, model: str, start: datetime, end: datetime) -> int:
        """How many predictions a model made in [start, end)."""
        return self._get(
            ("count", model, start, _round(end, 10)),
            KEEP_LONG_S,
            lambda: self.predictions(model, start, end).num_rows,
            0,
        )

    def affected(self, case: Affected, limit: int) -> list[dict[str, Any]]:
        """The newest predictions that were made on bad inputs; each row has the ``total`` of all."""
        span = (case.start, _round(case.end, 10) + timedelta(seconds=10))
        read = self._telemetry.serving.affected
        key = ("affected", case.model, *span, tuple(case.features.items()), limit)
        return self._get(
            key, KEEP_LONG_S, lambda: read(case.model, *span, case.features, limit).to_pylist(), list[dict[str, Any]]()
        )

    def predictions(self, model: str, start: datetime, end: datetime) -> pa.Table:
        """The predictions of a model in [start, end), for a download.

        Raises:
            StoreError: the engine failed.
        """
        return self._telemetry.predictions.window(model, start, end, known_by=self._clock.now())

    def reporting(self, now: datetime) -> int:
        """How many series have reported in the last two minutes."""
        first, last = _round(now, 60) - timedelta(minutes=1), _round(now, 60) + timedelta(minutes=1)
        read = self._telemetry.metrics.window
        return self._get(("reporting", last), KEEP_LONG_S, lambda: len(read(first, last, 120.0).series), 0)

    def changes(self, start: datetime, end: datetime, change: str = "") -> list[Change]:
        """What was changed in [start, end); with the id of one change, that one alone."""
        read = self._telemetry.changes.between
        return self._get(("changes", start, _round(end, 5), change), KEEP_S, lambda: read(start, end, change), [])

    def _get(self, key: Hashable, for_s: float, read: Callable[[], T], otherwise: T) -> T:
        try:
            found = self._recent.get(key, for_s, read)
        except (StoreError, OverloadError) as error:
            if self.problem != str(error):
                log.warning("a page could not read telemetry: %s", error)
            self.problem = str(error)
            return otherwise
        self.problem = ""
        return found


def by_entity(window: Window, name: str) -> Mapping[str, list[tuple[SeriesInfo, list[float]]]]:
    """The series of a name by their entity, each with its values."""
    found: dict[str, list[tuple[SeriesInfo, list[float]]]] = {}
    for index, info in enumerate(window.series):
        if info.name == name:
            found.setdefault(info.entity, []).append((info, window.values[:, index].tolist()))
    return found


def _mean(window: Window) -> Window:
    """A window as one step: the mean of each series, of deltas over all steps: nothing came where nothing was told."""
    seen = np.isfinite(window.values)
    is_delta = np.array([info.is_delta for info in window.series], dtype=bool)
    totals, counts = np.where(seen, window.values, 0.0).sum(axis=0), np.where(is_delta, len(seen), seen.sum(axis=0))
    means = np.divide(totals, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return Window(window.times[-1:], means[None, :], window.series)


def _round(moment: datetime, step_s: float) -> datetime:
    """The beginning of the step that a moment lies in."""
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, UTC)
