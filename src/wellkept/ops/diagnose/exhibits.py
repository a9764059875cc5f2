"""What telemetry shows at a cause: log patterns whose share changed, and traces that differ from those before.

Nobody is ranked by it. It is looked up for the few causes that are named, so that a person need not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from wellkept.kernel.diagnosis import Diagnosis, Exhibit, Look
from wellkept.ops.diagnose.base import Case
from wellkept.ops.diagnose.contrast import Floats, bare, seconds
from wellkept.ops.diagnose.traces import Ints, Spans, Traces

CAUSES = 3
"""Exhibits are looked for at so many of the causes."""
PATTERNS, LINES, EXAMPLES = 200, 3, 2
"""Patterns of an entity that are compared, those that are shown, and the traces that are."""
STEPS = 60
"""Steps in which the store counts the lines of a pattern."""
SURE = 8.0
"""The least likelihood ratio (its double logarithm) of a pattern whose frequency changed."""
TIMES = 3.0
"""A pattern or an operation that is this many times more, or fewer, or slower, differs."""
SLOWER, LEAST_S = 1.5, 0.002
"""An operation differs where its slowest tenth takes this many times as long, and this many seconds more."""
FAILING = 0.05
"""An operation differs where this much more of it fails."""
LEAST_SPANS = 5


class PatternCounts(Protocol):
    """What exhibits need of the store of log patterns."""

    def listed(
        self,
        start: datetime,
        end: datetime,
        *,
        service: str = "",
        entity: str = "",
        severity: int = 0,
        limit: int = 100,
    ) -> pa.Table: ...


def with_exhibits(found: Diagnosis, case: Case, patterns: PatternCounts) -> Diagnosis:
    """The diagnosis with what its first causes show."""
    shown = tuple(
        replace(cause, exhibits=(*lines(case, cause.entity, patterns), *examples(case, cause.entity)))
        for cause in found.causes[:CAUSES]
    )
    return replace(found, causes=(*shown, *found.causes[CAUSES:]))


def lines(case: Case, entity: str, patterns: PatternCounts) -> tuple[Exhibit, ...]:
    """The patterns of an entity whose frequency changed most, those that appeared with trouble in them first."""
    start, end = case.before.start, case.during.end
    if end <= start:
        return ()
    rows = patterns.listed(start, end, entity=entity, limit=PATTERNS).to_pylist()
    step_s = (end - start).total_seconds() / STEPS
    healthy, first = (int((at - start).total_seconds() / step_s) for at in (case.before.end, case.onset))
    began = min((step for row in rows for step in row["steps"]), default=0)  # before it said anything, nothing is usual
    changed = [one for row in rows if (one := _changed(row, healthy, first, began)) is not None]
    changed.sort(key=lambda one: (-one.weight, one.template))
    return tuple(
        Exhibit("lines", f"{bare(entity)} {one.words}", (case.pointer(Look.LOGS, one.template, entity),), one.sample)
        for one in changed[:LINES]
    )


@dataclass(frozen=True, slots=True)
class _Pattern:
    template: str
    weight: float
    words: str
    sample: str


def _changed(row: Mapping[str, Any], healthy: int, first: int, began: int) -> _Pattern | None:
    """What became of a pattern from the step ``first`` on, against those before ``healthy``; None: it may be chance."""
    counts = dict(zip(row["steps"], row["counts"], strict=True))
    before = float(sum(count for step, count in counts.items() if step < healthy))
    during = float(sum(count for step, count in counts.items() if step >= first))
    usual = before * (STEPS - first) / (healthy - began) if healthy > began else 0.0
    is_severe = row["severity"] >= 13
    weight = 2.0 * (_gain(during, usual)) * (2.0 if is_severe and during > usual else 1.0)
    quoted = f"“{row['template'][:80]}”"
    sample = (row["samples"] or [""])[0][:300]
    if before == 0 and (during >= 3 or (is_severe and during > 0)):
        return _Pattern(row["template"], weight + SURE, f"says something new: {quoted}, {_times(during)}.", sample)
    if weight < SURE:
        return None
    if during == 0:
        return _Pattern(row["template"], weight, f"says {quoted} no more, usually {_times(usual)}.", sample)
    if during > TIMES * usual or usual > TIMES * during:
        word = "more often" if during > usual else "less often"
        told = f"says {quoted} {word}: {_times(during)}, usually {_times(usual)}."
        return _Pattern(row["template"], weight, told, sample)
    return None


def _gain(seen: float, usual: float) -> float:
    """The logarithm of how much likelier the seen number of lines is at its own rate than at the usual one."""
    usual = max(usual, 0.5)
    return float(seen * np.log(seen / usual) - (seen - usual)) if seen > 0 else usual


def _times(count: float) -> str:
    rounded = round(count)
    return "less than once" if rounded == 0 else "once" if rounded == 1 else f"{rounded} times"


def examples(case: Case, entity: str) -> tuple[Exhibit, ...]:
    """Traces that differ most from those before within an entity, or in the way to it, with where they differ."""
    if case.traces is None or entity not in case.traces.services:
        return ()
    known, code = case.traces, case.traces.services.index(entity)
    differing = sorted(_differing(known, code), key=lambda one: (-one.weight, one.op))
    shown: dict[str, Exhibit] = {}
    for one in differing:
        trace = _example(known.during, one)
        if trace and trace not in shown:
            name = known.op_names[one.op]
            owner = known.services[known.op_service[one.op]]
            pointer = replace(case.pointer(Look.TRACE, trace, owner), where=name)
            shown[trace] = Exhibit("trace", f"{name} of {bare(owner)} {one.words}", (pointer,))
        if len(shown) == EXAMPLES:
            break
    return tuple(shown.values())


@dataclass(frozen=True, slots=True, eq=False)
class _Difference:
    """An operation that went otherwise, and the rows of its spans that show it, the plainest last."""

    op: int
    weight: float
    words: str
    rows: Ints


def _differing(known: Traces, service: int) -> list[_Difference]:
    found: list[_Difference] = []
    own = [_own(spans) for spans in (known.before, known.during)]
    late = [_late(spans, service) for spans in (known.before, known.during)]
    ops = np.flatnonzero(known.op_service == service)
    for op in ops.tolist():
        rows = [np.flatnonzero(spans.op == op) for spans in (known.before, known.during)]
        if min(len(part) for part in rows) >= LEAST_SPANS:
            found += _slower(op, rows, own, "takes {now} itself in the slowest tenth, {usual} before")
            found += _failing(op, rows, known)
    for op in np.unique(known.during.op[np.isfinite(late[1])]).tolist():
        rows = [
            np.flatnonzero((spans.op == op) & np.isfinite(late[side]))
            for side, spans in enumerate((known.before, known.during))
        ]
        if min(len(part) for part in rows) >= LEAST_SPANS:
            found += _slower(op, rows, late, "waits {now} longer than the answer takes, {usual} before")
    return found


def _slower(op: int, rows: Sequence[Ints], times: Sequence[Floats], words: str) -> list[_Difference]:
    usual, now = (float(np.quantile(values[part], 0.9)) for values, part in zip(times, rows, strict=True))
    if now < SLOWER * usual or now - usual < LEAST_S:
        return []
    ordered = rows[1][np.argsort(times[1][rows[1]], kind="stable")]
    told = words.format(now=seconds(now), usual=seconds(usual)) + "."
    # Up to the ninth decile: the very slowest is often a freak.
    return [_Difference(op, float(np.log(now / (usual + LEAST_S))), told, ordered[: int(0.9 * len(ordered)) + 1])]


def _failing(op: int, rows: Sequence[Ints], known: Traces) -> list[_Difference]:
    usual, now = (
        float(spans.failed[part].mean()) for spans, part in zip((known.before, known.during), rows, strict=True)
    )
    if now - usual < FAILING:
        return []
    failed = rows[1][known.during.failed[rows[1]]]
    return [_Difference(op, 10.0 * (now - usual), f"fails in {now:.0%} of its calls, {usual:.0%} before.", failed)]


def _example(spans: Spans, one: _Difference) -> str:
    """The id of the trace that shows it most plainly, of those whose root was seen."""
    return next((name for row in one.rows[::-1].tolist() if (name := spans.name_of(int(spans.trace[row])))), "")


def _own(spans: Spans) -> Floats:
    """Seconds that each span took without those it called: float64[N]."""
    took = spans.end - spans.start
    children = np.zeros(len(took), dtype=np.int64)
    inside = spans.parent >= 0
    np.add.at(children, spans.parent[inside], took[inside])
    return np.asarray(np.maximum(took - children, 0) / 1e9, dtype=np.float64)


def _late(spans: Spans, service: int) -> Floats:
    """Of spans of others that call the service: seconds they took beyond its answer; NaN for all other spans."""
    took = (spans.end - spans.start) / 1e9
    late = np.full(len(took), np.nan)
    rows = np.flatnonzero(spans.remote() & (spans.service == service))
    late[spans.parent[rows]] = np.maximum(took[spans.parent[rows]] - took[rows], 0.0)
    return late
