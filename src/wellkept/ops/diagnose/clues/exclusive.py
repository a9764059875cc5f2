"""Time spent in a service itself, the waiting for its callees left out: slow is the callee, not the caller."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, level, seconds, squash
from wellkept.ops.diagnose.traces import Spans, Traces

HALF_S = 0.06
"""Own work this much longer than before is half a proof."""
DOUBLED = 1.0
"""Below a doubling the strength is taken down in proportion."""
MANY_TIMES = 25.0
"""An operation that takes this many times longer than before is half a proof."""
LEAST_S = 0.002
LEAST_SPANS = 10


class ExclusiveClue:
    """Growth of a service's exclusive time at its ninetieth percentile.

    Where traces of both times were sampled, by operation, as a multiple of what it was: the operations of a service
    take different times, and a few slow ones more or less are no fault. Else in seconds, over all that a service did
    in a trace, damped below a doubling.
    """

    kind = "exclusive"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        if case.traces is not None:
            return _of_operations(case, case.traces)
        before = level(case.exclusive, case, during=False, quantile=0.9)
        during = level(case.exclusive, case, during=True, quantile=0.9)
        hints: dict[str, Hint] = {}
        for column, info in enumerate(case.exclusive.series):
            old, new = float(before[column]), float(during[column])
            if info.entity not in case.suspects or not (np.isfinite(old) and new > old):
                continue
            damped = min(1.0, (new - old) / (DOUBLED * old + LEAST_S))
            _accuse(case, hints, info.entity, squash(new - old, HALF_S) * damped, old, new)
        return hints


def _of_operations(case: Case, known: Traces) -> dict[str, Hint]:
    before, during = _own(known.before), _own(known.during)
    hints: dict[str, Hint] = {}
    for op, new in sorted(during.items()):
        entity = known.services[known.op_service[op]]
        old = before.get(op)
        if old is not None and new > old and entity in case.suspects:
            _accuse(case, hints, entity, squash((new - old) / (old + LEAST_S), MANY_TIMES), old, new)
    return hints


def _own(spans: Spans) -> dict[int, float]:
    """The ninetieth percentile of the exclusive seconds of each operation that was seen often enough.

    Calls to other services are no work of their own: the spans that only wait for them are left out.
    """
    took = spans.end - spans.start
    children = np.zeros(len(took), dtype=np.int64)
    inside = spans.parent >= 0
    np.add.at(children, spans.parent[inside], took[inside])
    waits = spans.asks.copy()
    waits[spans.parent[spans.remote()]] = True
    rows = np.flatnonzero(~waits)
    own: NDArray[np.float64] = np.maximum(took[rows] - children[rows], 0) / 1e9
    order = np.lexsort((own, spans.op[rows]))
    op, own = spans.op[rows][order], own[order]
    ops, first, count = np.unique(op, return_index=True, return_counts=True)
    at = first + np.round(0.9 * (count - 1)).astype(np.int64)
    return {int(op): float(own[i]) for op, i, n in zip(ops, at, count, strict=True) if n >= LEAST_SPANS}


def _accuse(case: Case, hints: dict[str, Hint], entity: str, strength: float, old: float, new: float) -> None:
    if strength > hints.get(entity, Hint(0.0, "")).strength:
        hints[entity] = Hint(
            strength,
            f"{bare(entity)} itself takes {seconds(new)} a request, without waiting for others; {seconds(old)} before.",
            fault=Fault.LATENCY,
            pointers=(case.pointer(Look.SERIES, "span.exclusive.p90", entity),),
        )
