"""Queries in PromQL: an expression and moments in, series out; and which series there are."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import numpy as np
import promql_parser as ast

from wellkept.kernel.errors import OverloadError, WellkeptError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.promql.ahead import read_ahead, wanted
from wellkept.store.telemetry.promql.catalogue import Catalogue, Metadata, Span
from wellkept.store.telemetry.promql.errors import ExpressionError
from wellkept.store.telemetry.promql.evaluation import Evaluation, Read, millis
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.matching import matchers_of, selector_of
from wellkept.store.telemetry.promql.recorded import Recorded
from wellkept.store.telemetry.promql.reductions import Ranged, Reductions
from wellkept.store.telemetry.promql.remembered import Remembered
from wellkept.store.telemetry.promql.source import RawSeries, Source
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.syntax import bare, parse
from wellkept.store.telemetry.promql.values import Labels, Scalar, Value, Vector
from wellkept.store.telemetry.resolution import ONLY_POINTS, Coverage

NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The value of an expression at some steps; of a range of samples, those in its place (``raw``).

    ``warnings``: what a reader has to know of it, such as that it is made of coarser values than were once stored.
    """

    steps: Steps
    value: Value | None
    raw: RawSeries | None = None
    warnings: tuple[str, ...] = ()


class PromQL:
    """Answers queries over the stored metrics. May be called from several threads at once."""

    def __init__(
        self, engine: Engine, limits: Limits = NO_LIMITS, coverage: Callable[[], Coverage] = lambda: ONLY_POINTS
    ) -> None:
        self._engine, self.limits, self._coverage = engine, limits, coverage
        self._catalogue = Catalogue(engine, limits)
        self.remembered = Remembered()
        self._turns = threading.BoundedSemaphore(limits.at_once)

    def instant(self, query: str, at_ms: int, timeout_s: float | None = None, *, read: Read | None = None) -> Answer:
        """What an expression is at a moment. ``read``: what others have read at the same moment, to be read once.

        Raises:
            ExpressionError: the expression is at fault as it stands.
            EvaluationError: it asks for too much, or its labels do not match up.
            SlowError: it took longer than it may.
            OverloadError: too many others were asked at the same time.
        """
        tree = parse(query)
        steps = Steps.at(at_ms)
        with self._source(timeout_s) as source:
            inner = bare(tree)
            if isinstance(inner, ast.MatrixSelector):
                raw = self._raw(inner, source, steps)
                return Answer(steps, None, raw, _warnings(source))
            return self._evaluated(tree, source, steps, at_ms, read)

    def ahead(self, queries: Iterable[str], at_ms: int, but: Collection[str] = ()) -> Read:
        """What some expressions will read at a moment, to be given to each of them as ``read``.

        It is read by a few statements, where each selector would need two. ``but``: metrics that are left out. What
        cannot be read together is left out, too, and is read when it is asked for.
        """
        read: Read = {}
        with contextlib.suppress(WellkeptError), self._source(None) as source, np.errstate(all="ignore"):
            wants = (want for query in queries for want in wanted(parse(query)) if want.metric not in but)
            read = read_ahead(wants, at_ms, source, self._catalogue)
        return read

    def range(
        self,
        query: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        timeout_s: float | None = None,
        *,
        recorded: Recorded | None = None,
    ) -> Answer:
        """What an expression is from ``start_ms`` to ``end_ms`` (both included), once in ``step_ms``.

        ``recorded``: series that count as stored, though they are not.

        Raises:
            InputError, SlowError, OverloadError: as for an instant; and too many steps.
        """
        if step_ms <= 0:
            raise ExpressionError("step", "must be more than 0", step_ms)
        if end_ms < start_ms:
            raise ExpressionError("end", "must not be before start", end_ms)
        steps = Steps.between(start_ms, end_ms, step_ms)
        self.limits.check_steps(steps.count)
        tree = parse(query)
        with self._source(timeout_s, recorded) as source:
            answer = self._evaluated(tree, source, steps, end_ms)
        if not isinstance(answer.value, Vector | Scalar):
            raise ExpressionError("query", "must be a scalar or a vector to be asked for over a range", query)
        return answer

    def series(self, selectors: Sequence[str], start_ms: int, end_ms: int, limit: int) -> list[Labels]:
        """The label sets of what any of the selectors matches. No selector: of every series."""
        return self._catalogue.series([selector_of(text) for text in selectors], Span(start_ms, end_ms), limit)

    def label_names(self, selectors: Sequence[str], start_ms: int, end_ms: int, limit: int) -> list[str]:
        """The names of their labels."""
        return self._catalogue.label_names([selector_of(text) for text in selectors], Span(start_ms, end_ms), limit)

    def label_values(self, label: str, selectors: Sequence[str], start_ms: int, end_ms: int, limit: int) -> list[str]:
        """The values of one label."""
        matchers = [selector_of(text) for text in selectors]
        return self._catalogue.label_values(label, matchers, Span(start_ms, end_ms), limit)

    def metadata(self, metric: str = "", limit: int = 10_000) -> dict[str, Metadata]:
        """What is known of each metric, or of one."""
        return self._catalogue.metadata(metric, limit)

    @contextmanager
    def _source(self, timeout_s: float | None, recorded: Recorded | None = None) -> Iterator[Source]:
        """A source for one query. Only so many are answered side by side: detection reads from the same engine."""
        seconds = min(self.limits.seconds, timeout_s or self.limits.seconds)
        deadline = monotonic() + seconds
        if not self._turns.acquire(timeout=seconds):
            raise OverloadError(f"query: waited {seconds:g} s behind others", retry_after_s=5)
        try:
            reductions = Reductions(self._engine, self.limits, self.remembered, deadline)
            yield Source(self._catalogue, reductions, self.limits, self._coverage(), recorded)
        finally:
            self._turns.release()

    def _evaluated(self, tree: ast.Expr, source: Source, steps: Steps, end_ms: int, read: Read | None = None) -> Answer:
        with np.errstate(all="ignore"):
            value = Evaluation(source, steps, (steps.start_ms, end_ms), read).value(tree)
        return Answer(steps, value.seen() if isinstance(value, Vector) else value, warnings=_warnings(source))

    def _raw(self, tree: ast.MatrixSelector, source: Source, steps: Steps) -> RawSeries:
        selector = tree.vector_selector
        moved = Evaluation(source, steps, (steps.start_ms, steps.end_ms)).moved(selector.offset, selector.at)
        return source.raw(matchers_of(selector), moved, Ranged(millis(tree.range), str(tree)))


def _warnings(source: Source) -> tuple[str, ...]:
    return tuple(tier.warning for tier in sorted(source.tiers))
