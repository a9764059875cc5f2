"""Who makes the seconds, or the failures, that users feel: an excess big enough, that no callee explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.entity import EdgeKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, quantile, rarity, seconds
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
TAIL = 20
"""That many values of before say how rare a level is: of fewer, never would not be rare enough."""
UNKNOWN = 0.25
"""What can be said of a service none of whose callees is known."""
LEAST_S = 0.0004
CERTAIN = 2.0
"""An average that is so many standard errors higher is higher."""
FEW = 2.0
"""So many failed requests in a step happen by chance; of many requests that is a small share."""
LEAST_SHARES = (0.001, 0.01)


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
        slower = _slower(case) if felt.indicator != FAILING else {}
        hints: dict[str, Hint] = {}
        for entity, one in excesses.items():
            if entity not in case.suspects or one.mass <= 0:
                continue
            below, known = _below(case, felt, entity, excesses)
            explained = min(1.0, max(below / one.mass, waited.get(entity, 0.0)))
            share = min(1.0, one.mass / here.mass)
            strength = share**FULL * (1.0 - explained) * one.gate * (0.3 + 0.7 * here.gate) * known
            strength *= slower.get(entity, 1.0)
            if strength > 0:
                fault = Fault.ERRORS if felt.indicator == FAILING else Fault.LATENCY
                series = ERRORS if fault is Fault.ERRORS else felt.indicator
                pointer = case.pointer(Look.SERIES, series, entity)
                hints[entity] = Hint(strength, _sentence(entity, felt, one, share), fault=fault, pointers=(pointer,))
        return hints


def _excesses(case: Case, felt: Felt) -> dict[str, _Excess]:
    """Of all services at once. Left out is who was not seen while bad, or never before: what is new has no usual level
    to be worse than.
    """
    rates = indicator(case.red, RATE)
    measured = {entity: values for entity, values in sorted(indicator(case.red, felt.indicator).items())
                if entity in rates}  # fmt: skip
    if not measured:
        return {}
    values, rate = np.stack(list(measured.values()), axis=1), np.stack([rates[entity] for entity in measured], axis=1)
    bad, clean, healthy = values[felt.bad], values[felt.clean], values[case.before.first : case.before.last]
    level, known, requests = quantile(bad, 0.5), _count(healthy), rate[felt.bad]
    usual = np.where(_count(clean) > 0, quantile(clean, 0.5), quantile(healthy, 0.5))
    iqr = np.where(known >= ENOUGH, quantile(healthy, 0.75) - quantile(healthy, 0.25), 0.1 * np.abs(usual))
    asked = np.nansum(requests, axis=0) / np.maximum(_count(requests), 1)
    spreads = (level - usual) / (iqr + 0.05 * np.abs(usual) + _least(case, felt, asked))
    mass = (level - usual) * asked
    rare = np.sum(healthy >= level - 1e-12, axis=0)
    once = (_count(bad) < 2) & (spreads < STRIKING)
    found = {}
    for j, entity in enumerate(measured):
        if np.isfinite(spreads[j]):
            gate = 1.0 - float(np.exp(-max(float(spreads[j]), 0.0) / OUT_OF_BAND))
            gate *= rarity(float(rare[j]), int(known[j])) if known[j] >= TAIL else 1.0
            gate *= ONCE if once[j] else 1.0
            found[entity] = _Excess(float(level[j]), float(usual[j]), float(mass[j]), float(spreads[j]), gate)
    return found


def _least(case: Case, felt: Felt, asked: Floats) -> Floats | float:
    """What wobbles by itself: so much time, or the share that a few failures are of the requests of a step."""
    if felt.indicator != FAILING:
        return LEAST_S
    with np.errstate(divide="ignore"):
        return np.clip(FEW / (asked * case.red.step_s), *LEAST_SHARES)


def _count(rows: Floats) -> NDArray[np.intp]:
    """How many values each column has."""
    return np.asarray(np.isfinite(rows).sum(axis=0), dtype=np.intp)


def _below(case: Case, felt: Felt, entity: str, excesses: Mapping[str, _Excess]) -> tuple[float, float]:
    """The largest excess of what it calls, where that is out of its own band; and how far the callees are known.

    A callee that does not report the indicator might explain everything: that takes from what can be said. So it does
    where it is felt at a service of which no callee at all is known.
    """
    callees = case.graph.below(entity, EdgeKind.CALLS)
    known = [excesses[callee] for callee in callees if callee in excesses]
    share = len(known) / len(callees) if callees else float(entity != felt.entity)
    return max((one.mass for one in known if one.spreads > OUT_OF_BAND), default=0.0), UNKNOWN + (1 - UNKNOWN) * share


def _waited(case: Case) -> dict[str, float]:
    """Of each service, the share of its extra time that is not its own, where traces tell.

    The largest that it spent waiting for one callee, or what all its callees together took longer to answer: a little
    more of each is not the caller's doing either. Waiting for all of them is no such sign, since a starved caller
    reads every answer late.
    """
    if case.traces is None:
        return {}
    both = (case.traces.before, case.traces.during)
    (waited, now), (worked, now_worked) = (
        [_times(spans, case.traces, as_seen=as_seen) for spans in both] for as_seen in (True, False)
    )
    found: dict[str, float] = {}
    added: dict[str, float] = {}
    for (source, target), waits in now.items():
        total = now[source, source] - waited.get((source, source), 0.0)
        if source != target and total > 0:
            found[source] = max(found.get(source, 0.0), (waits - waited.get((source, target), 0.0)) / total)
            more = now_worked.get((source, target), 0.0) - worked.get((source, target), 0.0)
            added[source] = added.get(source, 0.0) + more / total
    return {source: max(share, added[source]) for source, share in found.items()}


def _slower(case: Case) -> dict[str, float]:
    """How sure it is of each service that its requests take longer on the average, where traces tell: 0 to 1.

    Of many steps some are bad in health, too; what is felt in them makes up for nothing if all requests together took
    no longer than before.
    """
    if case.traces is None:
        return {}
    (count0, mean0, error0), (count1, mean1, error1) = (
        _averages(spans, len(case.traces.services)) for spans in (case.traces.before, case.traces.during)
    )
    sure = np.clip((mean1 - mean0) / np.sqrt(error0 + error1 + 1e-18) / CERTAIN, 0.0, 1.0)
    both = np.minimum(count0, count1) >= ENOUGH
    return {name: float(sure[j]) for j, name in enumerate(case.traces.services) if both[j]}


def _averages(spans: Spans, services: int) -> tuple[Floats, Floats, Floats]:
    """Of each service: its requests, the seconds of one on the average, and the square of that average's error."""
    entry = spans.remote() | (spans.parent < 0)
    service, took = spans.service[entry], (spans.end - spans.start)[entry] / 1e9
    count = np.bincount(service, minlength=services).astype(np.float64)
    many = np.maximum(count, 1.0)
    mean = np.bincount(service, weights=took, minlength=services) / many
    spread = np.bincount(service, weights=took**2, minlength=services) / many - mean**2
    return count, mean, np.maximum(spread, 0.0) / many


def _times(spans: Spans, known: Traces, *, as_seen: bool) -> dict[tuple[str, str], float]:
    """Seconds per request of each service: in all under (service, service), with a callee under the two.

    ``as_seen``: by the caller, as long as it waited; else as long as the callee worked.
    """
    took = (spans.end - spans.start) / 1e9
    services = len(known.services)
    entry = spans.remote() | (spans.parent < 0)
    requests = np.bincount(spans.service[entry], minlength=services)
    total = np.bincount(spans.service[entry], weights=took[entry], minlength=services)
    calls = np.flatnonzero(spans.remote())
    above = spans.parent[calls]
    waited = np.where(spans.asks[above], took[above], took[calls]) if as_seen else took[calls]
    pairs = spans.service[above] * services + spans.service[calls]
    sums = np.bincount(pairs, weights=waited, minlength=services * services)
    found = {}
    for service in np.flatnonzero(requests):
        name = known.services[service]
        found[name, name] = float(total[service] / requests[service])
        for other in np.flatnonzero(sums[service * services : (service + 1) * services]):
            found[name, known.services[other]] = float(sums[service * services + other] / requests[service])
    return found


def _sentence(entity: str, felt: Felt, one: _Excess, share: float) -> str:
    if felt.indicator == FAILING:
        what = f"fails {one.level:.1%} of its requests, {one.usual:.1%} else"
    else:
        what = f"takes {seconds(one.level)} a request, {seconds(one.usual)} else"
    return (
        f"While it is felt at {bare(felt.entity)}, {bare(entity)} {what}: that makes up {share:.0%} of it, and no "
        "callee explains it."
    )
