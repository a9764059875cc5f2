"""Answers that arrive late although the callee worked fast: the network, or a callee too starved to take calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.ops.diagnose.base import Calls, Case, Hint
from wellkept.ops.diagnose.contrast import Floats, bare, by_entity, level, seconds, squash
from wellkept.ops.diagnose.traces import Spans, Traces
from wellkept.store.telemetry.indicators import DURATIONS

HALF_S = 0.06
"""A gap this much longer than before is half a proof."""
CALLS = "service.call.duration"
HIGH, USUAL = 0.75, 0.97
"""Quantiles of the difference during the trouble, and before it."""
LEAST_CALLS = 3
"""Calls of a pair of operations before and during, at the least, to compare their gaps."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """How much longer one service waited for another than the other's own work explains, and over how many calls."""

    excess_s: float
    calls: float


Edges = Mapping[tuple[str, str], _Edge]


class GapClue:
    """What callers waited beyond the callee's own work, over the callee's inbound calls.

    Where traces of both times were sampled: how much later than before an answer came after the callee had finished,
    by its median over each pair of operations. Else, or where calls were not answered at all: how much more the
    callers' slowest calls grew than the callee's own slowest work. Meshes and gateways report both ends of a call as
    metrics (``service.call.duration`` of the callee, with the attributes ``caller`` and ``side``): what is beyond the
    usual wobbling of the difference counts too, where it is more. A starved caller reads all its answers late; so the
    median excess of a caller's other edges is taken off.
    """

    kind = "gap"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        traced = _of_traces(case.traces) if case.traces is not None else {}
        edges = _larger({**_of_calls(case, unanswered_only=bool(traced)), **traced}, _of_metrics(case))
        hints: dict[str, Hint] = {}
        inbound: dict[str, list[tuple[float, str, float]]] = defaultdict(list)
        for (source, target), edge in sorted(edges.items()):
            own = max(0.0, edge.excess_s - _caller_effect(source, target, edges))
            inbound[target].append((own, source, edge.calls))
        for target in sorted(inbound):
            value = _mean(inbound[target])
            if target in case.suspects and value > 0:
                callers = ", ".join(sorted({bare(source) for _, source, _ in inbound[target]}))
                hints[target] = Hint(
                    squash(value, HALF_S),
                    f"{callers} waited {seconds(value)} longer for {bare(target)} than its own work explains.",
                    fault=Fault.NETWORK,
                    pointers=(case.pointer(Look.SERIES, DURATIONS["p95"], target),),
                )
        return hints


def _of_traces(known: Traces) -> dict[tuple[str, str], _Edge]:
    before, during = _gaps(known.before, len(known.op_names)), _gaps(known.during, len(known.op_names))
    found: dict[tuple[str, str], list[tuple[float, str, float]]] = defaultdict(list)
    for (caller, callee), (late, calls) in during.items():
        usual, seen = before.get((caller, callee), (0.0, 0))
        if seen >= LEAST_CALLS and calls >= LEAST_CALLS:
            pair = (known.services[known.op_service[caller]], known.services[known.op_service[callee]])
            found[pair].append((late - usual, "", float(calls)))
    return {
        pair: _Edge(max(0.0, _mean(excesses)), sum(calls for *_, calls in excesses)) for pair, excesses in found.items()
    }


def _gaps(spans: Spans, ops: int) -> dict[tuple[int, int], tuple[float, int]]:
    """For each pair of a caller's and a callee's operation: the median time from the callee's end to the end of the
    caller's span that waits for it, in seconds, and the number of calls.
    """
    rows = np.flatnonzero(spans.remote())
    rows = rows[spans.asks[spans.parent[rows]]]
    above = spans.parent[rows]
    late = np.maximum(spans.end[above] - spans.end[rows], 0) / 1e9
    key = spans.op[above] * ops + spans.op[rows]
    order = np.lexsort((late, key))
    key, late = key[order], late[order]
    pairs, first, count = np.unique(key, return_index=True, return_counts=True)
    medians = (late[first + (count - 1) // 2] + late[first + count // 2]) / 2
    return {
        (int(pair // ops), int(pair % ops)): (float(median), int(n))
        for pair, median, n in zip(pairs, medians, count, strict=True)
    }


def _of_metrics(case: Case) -> dict[tuple[str, str], float]:
    """How much longer than usual the caller's end of each reported pair is behind the callee's, in seconds.

    Usual is what all but the largest differences of before were: few calls a step make reported quantiles jump.
    """
    ends: dict[tuple[str, str], dict[str, Floats]] = defaultdict(dict)
    for column, info in enumerate(case.metrics.series):
        if info.name == CALLS and (caller := info.attributes.get("caller", "")):
            pair = (f"{info.entity.partition(':')[0]}:{caller}", info.entity)
            ends[pair][info.attributes.get("side", "")] = case.metrics.values[:, column]
    found = {}
    for pair, sides in sorted(ends.items()):
        if not {"source", "destination"} <= sides.keys():
            continue
        late = sides["source"] - sides["destination"]
        before, during = (_seen(late[period.first : period.last]) for period in (case.before, case.during))
        if len(before) >= LEAST_CALLS and len(during):
            found[pair] = max(0.0, float(np.quantile(during, HIGH) - np.quantile(before, USUAL)))
    return found


def _larger(edges: Edges, reported: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], _Edge]:
    """The edges, with what was reported of them where that is more."""
    found = dict(edges)
    for pair, excess in reported.items():
        known = found.get(pair, _Edge(0.0, 1.0))
        found[pair] = _Edge(max(known.excess_s, excess), known.calls)
    return found


def _seen(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _of_calls(case: Case, *, unanswered_only: bool) -> dict[tuple[str, str], _Edge]:
    """The excess of each edge that was seen before and during, from the sums over all calls."""
    before = {(calls.source, calls.target): calls for calls in case.before.calls}
    column = by_entity(case.red, "span.duration.p95")
    own = level(case.red, case, during=True) - level(case.red, case, during=False)
    found: dict[tuple[str, str], _Edge] = {}
    for calls in case.during.calls:
        old = before.get((calls.source, calls.target))
        if old is None or calls.calls <= 0 or (unanswered_only and np.isfinite(calls.gap_p50_s)):
            continue
        work = _number(float(own[column[calls.target]])) if calls.target in column else 0.0
        waited = _number(calls.p95_s - old.p95_s) - max(0.0, work)
        found[calls.source, calls.target] = _Edge(max(_late(calls, old), waited, 0.0), calls.calls)
    return found


def _late(calls: Calls, old: Calls) -> float:
    return _number(calls.gap_p50_s - old.gap_p50_s)


def _caller_effect(source: str, target: str, edges: Edges) -> float:
    others = [edge.excess_s for (a, b), edge in edges.items() if a == source and b != target]
    return float(np.median(others)) if len(others) >= 2 else 0.0


def _mean(values: list[tuple[float, str, float]]) -> float:
    """By calls: a way that is bad for some callers only (one replica of several) counts by its share."""
    return sum(value * calls for value, _, calls in values) / sum(calls for *_, calls in values)


def _number(value: float) -> float:
    return value if np.isfinite(value) else 0.0
