"""When it began: what users feel changed at a moment, and the alert about it came later, or gave a moment too early."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from wellkept.kernel.conventions import CPU_TIMES
from wellkept.kernel.finding import Finding
from wellkept.ops.diagnose.contrast import is_idle
from wellkept.ops.diagnose.felt import ENOUGH, FAILING, Floats, Steps, indicator, indicators_of
from wellkept.store.telemetry.window import Window

NEAR, FAR = 2.5, 4.0
"""How unlikely a change has to be, in standard deviations of its rank sum: within the margin of the moment that was
told, where only few moments come into question; and beyond it, where any may."""
SPREADS, LEVEL = 2.0, 0.05
"""A change is this many usual spreads, and as many times this share of the usual level. A load that rises over hours
is a change by its ranks, and by this it is none."""
LIKE = 0.75
"""This share of the steps between an earlier beginning and the told one must be nearer to trouble than to health."""
LEAST = 2
"""Steps after a change, at the least."""
_FLOOR = {FAILING: 0.01}
_FLOOR_S = 0.0004
_BUSY = 0.05
"""What is used of a host wobbles by so much of all of it."""


def step_of_change(
    symptoms: Sequence[Finding], red: Window, told: int, margin: int, hosts: Sequence[Floats] = ()
) -> int:
    """The step at which the first symptom that was measured changed for the worse; ``told`` where nothing says so.

    A busy host slows those on it by little, and an alert about that comes late. So a plain and large change of what is
    used of one of ``hosts`` is a moment to look at, too: there a single step comes into question.

    The split of all steps into before and after whose rank sums differ most, over the indicators that the symptom may
    be about. Ranks, because single steps that stray must not move it. ``told`` and the answer are rows of ``red``.
    """
    for finding in symptoms:
        known = {name: indicator(red, name).get(finding.entity) for name in indicators_of(finding)}
        measured = {name: values for name, values in known.items() if values is not None}
        if measured:
            found = [_change(values, told, margin, _FLOOR.get(name, _FLOOR_S)) for name, values in measured.items()]
            likely = [one for one in found if one is not None] or [_with_host(measured.values(), hosts, told, margin)]
            return max(likely)[1]
    return told


def busy(metrics: Window) -> list[Floats]:
    """The share of the CPU of each host that is used, of those that tell how much is idle."""
    return [
        1.0 - metrics.values[:, column]
        for column, info in enumerate(metrics.series)
        if info.name in CPU_TIMES and is_idle(info.attributes)
    ]


def _with_host(measured: Iterable[Floats], hosts: Sequence[Floats], told: int, margin: int) -> tuple[float, int]:
    """The likeliest step before the told one at which a host became busy and a symptom worse."""
    found = (0.0, told)
    splits = [dict(zip(*_splits(values), strict=True)) for values in measured]
    for used in hosts:
        change = _change(used, told, margin, _BUSY)
        if change is not None and change[0] >= FAR and change[1] < told:
            sure = max(split.get(change[1], 0.0) for split in splits)
            if sure >= NEAR:
                found = max(found, (float(sure), change[1]))
    return found


def _change(values: Floats, told: int, margin: int, floor: float) -> tuple[float, int] | None:
    """The likeliest change that is large enough, and how sure it is; first the one near to the told step."""
    steps, sure = _splits(values)
    near = np.abs(steps - told) <= margin
    found = None
    for where, asked in ((near, NEAR), (~near, FAR)):
        if not where.any():
            continue
        best = int(np.argmax(np.where(where, sure, -np.inf)))
        better = asked if found is None else max(asked, found[0])
        step = _sharpened(values, int(steps[best]), steps[where])
        if sure[best] >= better and _is_large(values, step, told, floor):
            found = (float(sure[best]), step)
    return found


def _sharpened(values: Floats, step: int, allowed: Steps) -> int:
    """Of some steps the one that leaves the most values on their own side of the middle between before and after.

    Ranks say whether there is a change; where it is they say only roughly.
    """
    middle = (float(np.nanmedian(values[:step])) + float(np.nanmedian(values[step:]))) / 2
    is_bad = np.where(np.isfinite(values), values > middle, False)
    is_good = np.where(np.isfinite(values), values <= middle, False)
    fitting = np.concatenate([[0], np.cumsum(is_good)]) + is_bad.sum() - np.concatenate([[0], np.cumsum(is_bad)])
    return int(allowed[np.argmax(fitting[allowed])])


def _splits(values: Floats) -> tuple[Steps, Floats]:
    """Each step that may be the first of the trouble, and how many standard deviations the ranks from it on are above
    what is expected.
    """
    seen = np.flatnonzero(np.isfinite(values))
    count = len(seen)
    if count < ENOUGH + LEAST:
        return np.empty(0, dtype=np.intp), np.empty(0)
    _, code, times = np.unique(values[seen], return_inverse=True, return_counts=True)
    rank = (np.cumsum(times) - (times - 1) / 2)[code]
    before = np.arange(ENOUGH, count - LEAST + 1)
    after = count - before
    above = rank.sum() - np.cumsum(rank)[before - 1] - after * (count + 1) / 2
    return seen[before], np.asarray(above / np.sqrt(before * after * (count + 1) / 12), dtype=np.float64)


def _is_large(values: Floats, step: int, told: int, floor: float) -> bool:
    """Whether what is from a step on is far from what was before, as is what is between it and the told one.

    What is between must be like the trouble that was told of, and not some smaller change of its own.
    """
    before, after = (part[np.isfinite(part)] for part in (values[:step], values[step:]))
    usual, now = float(np.median(before)), float(np.median(after))
    spread = float(np.subtract(*np.percentile(before, [75, 25])))
    if now - usual < SPREADS * (spread + LEVEL * abs(usual) + floor):
        return False
    between, told_of = (part[np.isfinite(part)] for part in (values[step:told], values[told:]))
    if len(between) == 0:
        return True
    trouble = max(now, float(np.median(told_of))) if len(told_of) else now
    return float(np.mean(between > (usual + trouble) / 2)) >= LIKE
