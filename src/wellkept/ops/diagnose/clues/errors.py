"""Failures that no failing callee explains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.ops.diagnose.base import Calls, Case, Hint
from wellkept.ops.diagnose.contrast import bare, by_entity, level
from wellkept.ops.diagnose.felt import FAILING, indicator
from wellkept.store.telemetry.indicators import ERRORS, RATE, REPORTED

SOME = 0.05
"""Where users feel slowness, at least this share of their requests must be hit by a failure that is the cause."""


class ErrorsClue:
    """The share of a service's calls that fail now and did not before, less what its own callees failed it.

    A service's failures are those it admits or those its callers saw, whichever is more: a starved callee answers
    nothing and admits nothing, but its callers time out. Its own failed outbound calls explain its failures away.
    Strength is the unexplained additional share of failures, by its root, so that a fifth failing is a strong word;
    less where they are too few to make up what users feel. What nobody called before the trouble is innocent: somebody
    else began to call it.
    """

    kind = "errors"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        own = _own_failures(case)
        inbound, outbound, traffic = _call_failures(case)
        needed = _needed(case)
        hints: dict[str, Hint] = {}
        for entity in case.suspects:
            admitted, requests = own.get(entity, (0.0, 0.0))
            seen = inbound.get(entity, 0.0)
            failing = max(admitted, seen)
            requests = max(requests, traffic.get(entity, 0.0))
            unexplained = failing - outbound.get(entity, 0.0)
            if requests <= 0 or unexplained <= 0:
                continue
            share = min(1.0, unexplained / requests)
            if share < 0.02:
                continue
            relevant = min(1.0, unexplained / needed) if needed > 0 else 1.0
            who = "its callers saw" if seen > admitted else "it reports"
            hints[entity] = Hint(
                float(np.sqrt(share)) * relevant,
                f"{share:.0%} of the requests to {bare(entity)} fail ({who} it), beyond what its own callees explain.",
                fault=Fault.ERRORS,
                pointers=(case.pointer(Look.SERIES, ERRORS, entity),),
            )
        return hints


def _needed(case: Case) -> float:
    """Failed requests per second that would make up what users feel; 0 where that is not known."""
    felt = case.felt
    if felt is None:
        return 0.0
    rate = indicator(case.red, RATE).get(felt.entity)
    requests = float(np.nan_to_num(rate[felt.bad]).mean()) if rate is not None else 0.0
    if felt.indicator != FAILING:
        return SOME * requests
    failing = indicator(case.red, FAILING)[felt.entity]
    more = float(np.nanmedian(failing[felt.bad]) - np.nanmedian(failing[felt.clean]))
    return max(0.0, more) * requests


def _own_failures(case: Case) -> dict[str, tuple[float, float]]:
    """(additional failed requests per second, requests per second) of each service, by its own word.

    Services that report without spans are left out: whom they called is not known, so nothing can be explained away.
    """
    failed, rate = by_entity(case.red, "span.errors"), by_entity(case.red, "span.rate")
    before = np.nan_to_num(_mean(case, during=False))
    during = np.nan_to_num(_mean(case, during=True))
    found: dict[str, tuple[float, float]] = {}
    for entity, column in failed.items():
        if case.red.series[column].kind == REPORTED:
            continue
        requests = float(during[rate[entity]]) if entity in rate else 0.0
        usual = float(before[rate[entity]]) if entity in rate else 0.0
        errors, old = float(during[column]), float(before[column])
        if usual <= 0 < float(np.nansum(before)):
            continue
        share_before = old / usual if usual > 0 else 0.0
        found[entity] = (max(0.0, errors - share_before * requests), requests)
    return found


def _call_failures(case: Case) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Additional failed calls per second seen by callers of, and by, each service; and the inbound calls per second."""
    before = {(calls.source, calls.target): calls for calls in case.before.calls}
    inbound: dict[str, float] = defaultdict(float)
    outbound: dict[str, float] = defaultdict(float)
    traffic: dict[str, float] = defaultdict(float)
    for calls in case.during.calls:
        usual = _share(before.get((calls.source, calls.target)))
        more = max(0.0, calls.errors - usual * calls.calls) / case.during.seconds
        inbound[calls.target] += more
        outbound[calls.source] += more
        traffic[calls.target] += calls.calls / case.during.seconds
    return inbound, outbound, traffic


def _share(calls: Calls | None) -> float:
    return calls.errors / calls.calls if calls is not None and calls.calls > 0 else 0.0


def _mean(case: Case, *, during: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    period = case.during if during else case.before
    rows = np.nan_to_num(case.red.values[period.first : period.last])
    if len(rows) == 0:
        return level(case.red, case, during=during)
    return np.asarray(rows.mean(axis=0), dtype=np.float64)
