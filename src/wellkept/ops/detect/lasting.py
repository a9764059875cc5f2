"""Blind spots from look to look: what was told stays told while it lasts, though the window has long moved on."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from wellkept.kernel.finding import Evidence, Finding, fingerprint
from wellkept.ops.detect.blind import DETECTOR, Cause, Spot
from wellkept.ops.detect.blindness import RECENT, SPEAKING, STILL, VALUE, only, spots_of
from wellkept.ops.detect.gone import gone_metrics, lost, names_of
from wellkept.ops.detect.heard import heard_by_entity
from wellkept.ops.detect.judged import columns_of
from wellkept.store.telemetry.window import Window

BACK = 0.8
"""Gaps are over when this share of the newest steps came."""
RHYTHM_S = 3600.0
"""What has come evenly for so long, though more rarely than before, has no gaps: it is told less often."""
EVEN = 2
"""Even is what never took so many times as long as usual, from one value to the next, and a step more."""
USUAL_S = 86_400.0
"""A metric that was gone for so long is not missed any more."""


def spots_at(window: Window, open_ones: Sequence[Finding], renewed: Mapping[str, float]) -> list[Spot]:
    """What a window shows, and what of the open blind spots goes on in it.

    Whether something *begins* to stand still or to come with gaps is told by how it was before, which a window has
    left after a while. Whether it goes on is told by what the finding remembers. ``renewed``: when an entity was
    deployed last, seconds since the epoch.
    """
    found = {(spot.entity, spot.cause): spot for spot in _found(window, renewed)}
    for finding in open_ones:
        cause = _cause_of(finding)
        if cause is None:
            continue
        spot = _GOES_ON[cause](window, finding, found.get((finding.entity, cause)))
        if spot is not None:
            found[finding.entity, cause] = spot
    return list(found.values())


def _found(window: Window, renewed: Mapping[str, float]) -> Iterator[Spot]:
    """What begins in this window; where most series are gone, which metrics are so is said with that."""
    found = spots_of(window)
    whole = {spot.entity: spot for spot in found}
    if window.values.size and len(window.times) > RECENT:
        for spot in gone_metrics(window, renewed):
            if spot.entity not in whole:
                yield spot
            elif whole[spot.entity].cause is Cause.PARTLY:
                whole[spot.entity] = replace(whole[spot.entity], evidence=spot.evidence)
    yield from whole.values()


def _cause_of(finding: Finding) -> Cause | None:
    """Why an open finding says that its entity is blind, if it is one of those that are found in a window."""
    if finding.detector != DETECTOR or not finding.entity:
        return None
    return next(
        (one for one in _GOES_ON if fingerprint(DETECTOR, finding.entity, one, "") == finding.fingerprint), None
    )


def _gaps(window: Window, finding: Finding, new: Spot | None) -> Spot | None:
    """Gaps go on until nearly all steps come again, or the sender has got another rhythm, or falls silent."""
    names, heard = heard_by_entity(window)
    place = bisect.bisect_left(names, finding.entity)
    if new is not None or names[place : place + 1] != (finding.entity,):
        return new
    row = heard[place]
    share, began_s = float(row[-RECENT:].mean()), finding.starts_at.timestamp()
    if not 0 < share < BACK or _is_rhythm(window, np.flatnonzero(row), began_s):
        return None
    return Spot(finding.entity, Cause.GAPS, began_s, only(share), 1.0 - share)


def _is_rhythm(window: Window, steps: np.ndarray[tuple[int], np.dtype[np.intp]], began_s: float) -> bool:
    """Whether the values of a whole window, all of them after the gaps began, came evenly."""
    if began_s > window.times[0] - window.step_s or window.times[-1] - began_s < RHYTHM_S or len(steps) < RECENT // 3:
        return False
    apart = np.diff(steps)
    return bool(apart.max() <= EVEN * np.median(apart) + 1)


def _frozen(window: Window, finding: Finding, new: Spot | None) -> Spot | None:
    """A freeze goes on until one of the series that it was told by moves, or none of them comes."""
    kept = [one for one in finding.evidence if VALUE in one.values]
    after = window.times > finding.starts_at.timestamp()
    still = [one for one in (_stands(window, finding.entity, evidence, after) for evidence in kept) if one is not None]
    if new is not None or not still or not all(still):
        return new
    count = int(finding.evidence[0].values.get("series", len(kept)))
    what = f"all {count} of its series that used to move repeat their last values"
    began_s = finding.starts_at.timestamp()
    return Spot(finding.entity, Cause.FROZEN, began_s, what, series=count, evidence=tuple(kept))


def _stands(
    window: Window, entity: str, kept: Evidence, after: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> bool | None:
    """Whether a series had no other value since; None where it has none of late. Replicas may be called the same."""
    said = None
    for column in columns_of(window.series)[0].get((entity, kept.signal), ()):
        if window.series[column].attributes == kept.attributes:
            values = window.values[:, column]
            since = values[after & np.isfinite(values)]
            if np.isfinite(values[-STILL:]).any():
                said = said or bool((since == kept.values[VALUE]).all())
    return said


def _partly(window: Window, finding: Finding, new: Spot | None) -> Spot | None:
    """Most series stay gone while the metrics do whose series they were, where it was metrics."""
    missed = _missed(window, finding)
    if not missed or not missed[0]:
        return new
    if new is not None:
        return new if new.evidence else replace(new, evidence=tuple(Evidence(name) for name in missed[0]))
    count = int(finding.evidence[0].values.get("series", len(missed[0])))
    what = f"{count} of {round(count / max(finding.score, 1e-6))} of its series do not come any more"
    began_s, evidence = finding.starts_at.timestamp(), tuple(Evidence(name) for name in missed[0])
    return Spot(finding.entity, Cause.PARTLY, began_s, what, finding.score, series=count, evidence=evidence)


def _gone(window: Window, finding: Finding, new: Spot | None) -> Spot | None:
    """Metrics stay gone until they come again, the entity falls silent, or a day has made it usual."""
    missed = _missed(window, finding)
    names = sorted({*(missed[0] if missed else ()), *(one.signal for one in (new.evidence if new else ()))})
    if not missed or not names:
        return None
    began_s, evidence, others = finding.starts_at.timestamp(), tuple(Evidence(name) for name in names), missed[1]
    share = len(names) / (len(names) + others)
    return Spot(finding.entity, Cause.GONE, began_s, lost(names, others), share, series=len(names), evidence=evidence)


def _missed(window: Window, finding: Finding) -> tuple[list[str], int] | None:
    """Which of its metrics an entity still does without, and how many it has; None where that is no matter any more."""
    if not len(window.times) or window.times[-1] - finding.starts_at.timestamp() > USUAL_S:
        return None
    columns = columns_of(window.series)[0]
    present = {
        name
        for name in names_of(window.series).get(finding.entity, ())
        if np.isfinite(window.values[-SPEAKING:, columns[finding.entity, name]]).any()
    }
    return (sorted({one.signal for one in finding.evidence[1:]} - present), len(present)) if present else None


_GOES_ON = {Cause.GAPS: _gaps, Cause.FROZEN: _frozen, Cause.PARTLY: _partly, Cause.GONE: _gone}
"""How it is told that an open blind spot goes on."""
