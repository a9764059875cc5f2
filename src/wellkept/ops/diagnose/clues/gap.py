"""Answers that arrive late although the callee worked fast: the network, or a callee too starved to take calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from wellkept.ops.diagnose.base import Calls, Case, Hint
from wellkept.ops.diagnose.contrast import bare, by_entity, level, seconds, squash

HALF_S = 0.06
"""A gap this much longer than before is half a proof."""


class GapClue:
    """What callers waited beyond the callee's own work, over the callee's inbound calls.

    Two measures per edge, the larger counts: how much later than before the answer came after the callee had
    finished, and how much more the callers' slowest calls grew than the callee's own slowest work. A starved caller
    reads all its answers late; so the median excess of a caller's other edges is taken off.
    """

    kind = "gap"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        excess = _excess(case)
        hints: dict[str, Hint] = {}
        inbound: dict[str, list[tuple[float, Calls]]] = defaultdict(list)
        for (source, target), (value, calls) in excess.items():
            own = max(0.0, value - _caller_effect(source, target, excess))
            inbound[target].append((own, calls))
        for target in sorted(inbound):
            value = _weighted_median(inbound[target])
            if target in case.suspects and value > 0:
                callers = ", ".join(sorted({bare(calls.source) for _, calls in inbound[target]}))
                hints[target] = Hint(
                    squash(value, HALF_S),
                    f"{callers} waited {seconds(value)} longer for {bare(target)} than its own work explains.",
                )
        return hints


def _excess(case: Case) -> dict[tuple[str, str], tuple[float, Calls]]:
    """The excess in seconds of each edge that was seen before and during."""
    before = {(calls.source, calls.target): calls for calls in case.before.calls}
    column = by_entity(case.red, "span.duration.p95")
    own = level(case.red, case, during=True) - level(case.red, case, during=False)
    found: dict[tuple[str, str], tuple[float, Calls]] = {}
    for calls in case.during.calls:
        old = before.get((calls.source, calls.target))
        if old is None or calls.calls <= 0:
            continue
        late = _number(calls.gap_p50_s - old.gap_p50_s)
        work = _number(float(own[column[calls.target]])) if calls.target in column else 0.0
        waited = _number(calls.p95_s - old.p95_s) - max(0.0, work)
        found[calls.source, calls.target] = (max(late, waited, 0.0), calls)
    return found


def _caller_effect(source: str, target: str, excess: Mapping[tuple[str, str], tuple[float, Calls]]) -> float:
    others = [value for (a, b), (value, _) in excess.items() if a == source and b != target]
    return float(np.median(others)) if len(others) >= 2 else 0.0


def _weighted_median(values: list[tuple[float, Calls]]) -> float:
    ordered = sorted(values, key=lambda pair: pair[0])
    half = sum(calls.calls for _, calls in ordered) / 2
    total = 0.0
    for value, calls in ordered:
        total += calls.calls
        if total >= half:
            return value
    return 0.0


def _number(value: float) -> float:
    return value if np.isfinite(value) else 0.0
