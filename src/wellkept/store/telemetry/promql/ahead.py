"""What many expressions will ask at one moment, read together.

A set of rules asks some hundred selectors at every moment, and a statement costs milliseconds however little it reads.
Here the series of all their metrics are found by one statement and matched in memory, and all windows of one kind
(function, range and offset) are read by one more. What cannot be read together is left out, and read when it is asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import promql_parser as ast

from wellkept.kernel.errors import WellkeptError
from wellkept.store.telemetry.promql.catalogue import Catalogue, Found, Known, Span
from wellkept.store.telemetry.promql.errors import ExpressionError
from wellkept.store.telemetry.promql.evaluation import Key, Read, instant_key, millis, window_key
from wellkept.store.telemetry.promql.grids import Grid
from wellkept.store.telemetry.promql.matching import Matcher, Matchers, is_matched, matchers_of, metric_of
from wellkept.store.telemetry.promql.reductions import Ranged
from wellkept.store.telemetry.promql.source import LOOKBACK_MS, Kind, Source
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.syntax import bare, below
from wellkept.store.telemetry.promql.values import NAME, empty
from wellkept.store.telemetry.promql.windows import WINDOWS

MOST_SERIES = 2_000
"""A selector of a metric with more series is left out: reading those is what costs there."""
TOGETHER = 20_000
"""So many series are read by one statement."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a part of an expression reads: by which key it will ask, which series, and which windows of them.

    ``matchers``: but for the one that names the metric. ``kind`` and ``range_ms`` say the window, ``offset_ms`` how far
    before the moment it ends.
    """

    key: Key
    metric: str
    matchers: Matchers
    kind: Kind
    range_ms: int
    offset_ms: int

    @property
    def together(self) -> tuple[Kind, int, int]:
        """What is alike in all that one statement reads."""
        return self.kind, self.range_ms, self.offset_ms

    def span(self, at_ms: int) -> Span:
        """From when to when the samples that it reads may lie."""
        return Span(at_ms - self.offset_ms - self.range_ms, at_ms - self.offset_ms)


def wanted(tree: ast.Expr) -> Iterator[Wanted]:
    """What an expression reads that can be read together with what others do.

    That names its metric, has no moment of its own (``@``) and is not in a subquery, which looks at other moments.
    """
    if isinstance(tree, ast.SubqueryExpr):
        return
    name, argument = "", tree
    if isinstance(tree, ast.Call) and len(tree.args) == 1:
        name, argument = tree.func.name, tree.args[0]
    inner = bare(argument)
    if isinstance(inner, ast.VectorSelector):
        moments = name == "timestamp" and isinstance(argument, ast.VectorSelector)
        yield from _wanted(instant_key(inner, moments=moments), inner, Kind(moments=moments), LOOKBACK_MS)
    elif isinstance(inner, ast.MatrixSelector) and name in WINDOWS and not WINDOWS[name].is_spread:
        key = window_key(name, inner)
        yield from _wanted(key, inner.vector_selector, Kind(name), millis(inner.range))
    else:
        for node in below(tree):
            yield from wanted(node)


def _wanted(key: Key, selector: ast.VectorSelector, kind: Kind, range_ms: int) -> Iterator[Wanted]:
    with contextlib.suppress(ExpressionError):
        matchers = matchers_of(selector)
        metric = metric_of(matchers)
        if metric and selector.at is None:
            others = tuple(one for one in matchers if one != Matcher("Equal", NAME, metric))
            yield Wanted(key, metric, others, kind, range_ms, millis(selector.offset))


def read_ahead(wants: Iterable[Wanted], at_ms: int, source: Source, catalogue: Catalogue) -> Read:
    """What is wanted at a moment, by the keys by which evaluations look for it."""
    by_key = {want.key: want for want in wants}
    spans = [want.span(at_ms) for want in by_key.values()]
    if not spans:
        return {}
    span = Span(min(one.since_ms for one in spans), max(one.until_ms for one in spans))
    found = catalogue.of({want.metric for want in by_key.values()}, span, MOST_SERIES)
    alike: dict[tuple[Kind, int, int], list[tuple[Wanted, dict[int, Known]]]] = {}
    for want in by_key.values():
        if (series := found[want.metric]) is not None:
            alike.setdefault(want.together, []).append((want, _matched(series, want, at_ms)))
    read: Read = {}
    for (kind, range_ms, offset_ms), some in alike.items():
        ranged, steps = Ranged(range_ms, "rules"), Steps.at(at_ms - offset_ms)
        for part in _parts(some):
            with contextlib.suppress(WellkeptError):
                read |= _read(kind, ranged, steps, part, source)
    return read


def _read(
    kind: Kind, ranged: Ranged, steps: Steps, part: Sequence[tuple[Wanted, dict[int, Known]]], source: Source
) -> Read:
    union = {series: known for _, matched in part for series, known in matched.items()}
    if not union:
        return {want.key: empty(steps.count) for want, _ in part}
    grid = source.grid(kind, union, steps, ranged)
    row = {series: index for index, series in enumerate(grid.series.tolist())}
    return {want.key: source.named(kind, _rows(grid, row, known), known) for want, known in part}


def _rows(grid: Grid, row: Mapping[int, int], known: Collection[int]) -> Grid:
    rows = np.array([row[series] for series in known if series in row], np.intp)
    return Grid(grid.series[rows], grid.values[rows], grid.present[rows])


def _matched(series: Sequence[Found], want: Wanted, at_ms: int) -> dict[int, Known]:
    span = want.span(at_ms)
    there = [one for one in series if one.is_within(span)]
    kept = is_matched(want.matchers, [one.known.labels for one in there])
    return {one.series: one.known for one, is_kept in zip(there, kept.tolist(), strict=True) if is_kept}


def _parts(
    some: Sequence[tuple[Wanted, dict[int, Known]]],
) -> Iterator[list[tuple[Wanted, dict[int, Known]]]]:
    part: list[tuple[Wanted, dict[int, Known]]] = []
    count = 0
    for one in some:
        if part and count + len(one[1]) > TOGETHER:
            yield part
            part, count = [], 0
        part.append(one)
        count += len(one[1])
    if part:
        yield part
