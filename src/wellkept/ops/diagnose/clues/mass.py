"""Who makes the seconds, or the failures, that users feel: an excess big enough, that no callee explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.entity import EdgeKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, rarity, seconds
from wellkept.ops.diagnose.felt import ENOUGH, FAILING, Felt, indicator
from wellkept.ops.diagnose.traces import Spans, Traces
from wellkept.store.telemetry.indicators import ERRORS, RATE

Floats = NDArray[np.float64]

OUT_OF_BAND = 2.5
"""A callee this many usual spreads away may explain its caller."""
ONCE, STRIKING = 0.4, 10.0
"""What was bad in a single step happens by itself now and then, unless it was this many usual spreads away."""
FULL = 1.5
"""Who makes up half of what is felt is less than half as likely the cause as who makes up all of it."""
TAIL = 30
"""That many values of before say how rare a level is."""
UNKNOWN = 0.25
"""What can be said of a service none of whose callees is known."""
_LEAST = {FAILING: 0.01}
_LEAST_S = 0.0004


@dataclass(frozen=True, slots=True)
class _Excess:
    """What a service adds while users feel it: more per request, that times its requests, and how unusual it is."""

    level: float
    usual: float
    mass: float
    spreads: float
    gate: float


class MassClue:
    """Excess per request times requests, against the same of the service where it is felt.

    Counted in the steps in which users feel it, against the steps nearby in which they do not: a fault that comes and
    goes is bad in the same steps as what it spoils. A slow service that hardly anybody calls cannot explain much, and
    what a callee adds (or what was waited for it) is not the caller's doing. How many usual spreads away, and how rare
    the level was before, are gates only. Works on spans and on indicators that services report by themselves.
    """

    kind = "mass"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        felt = case.felt
        if felt is None:
            return {}
        excesses = _excesses(case, felt)
        here = excesses.get(felt.entity)
        if here is None or here.mass <= 0:
            return {}
        waited = _waited(case) if felt.indicator != FAILING else {}
        hints: dict[str, Hint] = {}
        for entity, one in excesses.items():
            if entity not in case.suspects or one.mass <= 0:
                continue
            below, known = _below(case, felt, entity, excesses)
            explained = min(1.0, max(below / one.mass, waited.get(entity, 0.0)))
            share = min(1.0, one.mass / here.mass)
            strength = share**FULL * (1.0 - explained) * one.gate * (0.3 + 0.7 * here.gate) * known
            if strength > 0:
                fault = Fault.ERRORS if felt.indicator == FAILING else Fault.LATENCY
                series = ERRORS if fault is Fault.ERRORS else felt.indicator
                pointer = case.pointer(Look.SERIES, series, entity)
                hints[entity] = Hint(strength, _sentence(entity, felt, one, share), fault=fault, pointers=(pointer,))
        return hints


def _excesses(case: Case, felt: Felt) -> dict[str, _Excess]:
    rates = indicator(case.red, RATE)
    found = {}
    for entity, values in sorted(indicator(case.red, felt.indicator).items()):
        excess = _excess(values, rates.get(entity), felt, slice(case.before.first, case.before.last))
        if excess is not None:
            found[entity] = excess
    return found


def _excess(values: Floats, rate: Floats | None, felt: Felt, before: slice) -> _Excess | None:
    """None where it was not seen while bad, or never before: what is new has no usual level to be worse than."""
    bad, clean, healthy = (_seen(values[steps]) for steps in (felt.bad, felt.clean, before))
    base = clean if len(clean) else healthy
    if len(bad) == 0 or len(base) == 0 or rate is None:
        return None
    level, usual = float(np.median(bad)), float(np.median(base))
    floor = _LEAST.get(felt.indicator, _LEAST_S)
    iqr = float(np.subtract(*np.percentile(healthy, [75, 25]))) if len(healthy) >= ENOUGH else 0.1 * abs(usual)
    spreads = (level - usual) / (iqr + 0.05 * abs(usual) + floor)
    requests = _seen(rate[felt.bad])
    mass = (level - usual) * (float(requests.mean()) if len(requests) else 0.0)
    gate = _gate(level, spreads, healthy) * (ONCE if len(bad) < 2 and spreads < STRIKING else 1.0)
    return _Excess(level, usual, mass, spreads, gate)


def _gate(level: float, spreads: float, healthy: Floats) -> float:
    unusual = 1.0 - float(np.exp(-max(spreads, 0.0) / OUT_OF_BAND))
    if len(healthy) < TAIL:
        return unusual
    return unusual * rarity(float((healthy >= level - 1e-12).sum()), len(healthy))


def _below(case: Case, felt: Felt, entity: str, excesses: Mapping[str, _Excess]) -> tuple[float, float]:
    """The largest excess of what it calls, where that is out of its own band; and how far the callees are known.

    A callee that does not report the indicator might explain everything: that takes from what can be said. So it does
    where it is felt at a service of which no callee at all is known.
    """
    callees = [
        callee for callee in case.graph.dependencies(entity) if EdgeKind.CALLS in case.graph.edge_kinds(entity, callee)
    ]
    known = [excesses[callee] for callee in callees if callee in excesses]
    share = len(known) / len(callees) if callees else float(entity != felt.entity)
    return max((one.mass for one in known if one.spreads > OUT_OF_BAND), default=0.0), UNKNOWN + (1 - UNKNOWN) * share


def _waited(case: Case) -> dict[str, float]:
    """Of each service, the largest share of its extra time that it spent waiting for one callee, where traces tell."""
    if case.traces is None:
        return {}
    before, during = (_times(spans, case.traces) for spans in (case.traces.before, case.traces.during))
    found: dict[str, float] = {}
    for (source, target), waits in during.items():
        total = during[source, source] - before.get((source, source), 0.0)
        if source != target and total > 0:
            share = (waits - before.get((source, target), 0.0)) / total
            found[source] = max(found.get(source, 0.0), share)
    return found


def _times(spans: Spans, known: Traces) -> dict[tuple[str, str], float]:
    """Seconds per request of each service: in all under (service, service), waiting for a callee under the two."""
    took = (spans.end - spans.start) / 1e9
    services = len(known.services)
    entry = spans.remote() | (spans.parent < 0)
    requests = np.bincount(spans.service[entry], minlength=services)
    total = np.bincount(spans.service[entry], weights=took[entry], minlength=services)
    calls = np.flatnonzero(spans.remote())
    above = spans.parent[calls]
    waited = np.where(spans.asks[above], took[above], took[calls])
    pairs = spans.service[above] * services + spans.service[calls]
    sums = np.bincount(pairs, weights=waited, minlength=services * services)
    found = {}
    for service in np.flatnonzero(requests):
        name = known.services[service]
        found[name, name] = float(total[service] / requests[service])
        for other in np.flatnonzero(sums[service * services : (service + 1) * services]):
            found[name, known.services[other]] = float(sums[service * services + other] / requests[service])
    return found


def _seen(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _sentence(entity: str, felt: Felt, one: _Excess, share: float) -> str:
    if felt.indicator == FAILING:
        what = f"fails {one.level:.1%} of its requests, {one.usual:.1%} else"
    else:
        what = f"takes {seconds(one.level)} a request, {seconds(one.usual)} else"
    return (
        f"While it is felt at {bare(felt.entity)}, {bare(entity)} {what}: that makes up {share:.0%} of it, and no "
        "callee explains it."
    )
