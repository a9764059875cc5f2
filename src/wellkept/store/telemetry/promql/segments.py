"""Steps in a row that are read from the same tier."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.resolution import SEVERAL, Asked, Coverage, Tier


@dataclass(frozen=True, slots=True)
class Segment:
    """``range_ms``: how far back its steps look, which is far enough for buckets to be there."""

    steps: Steps
    tier: Tier
    range_ms: int


def segments(steps: Steps, range_ms: int, coverage: Coverage, *, is_last: bool = False) -> list[Segment]:
    """The steps in order, each with its tier. ``is_last``: only the last sample is wanted, which minutes have, too."""
    wanted_ms = SEVERAL * Tier.MINUTES.bucket_ms if is_last else range_ms
    step_ms = steps.step_ms if steps.count > 1 else 0
    asked = Asked(steps.start_ms - range_ms, steps.end_ms, step_ms, wanted_ms)
    found: list[Segment] = []
    for first, count in _pieces(steps, range_ms, coverage):
        part = Steps(steps.start_ms + first * steps.step_ms, steps.step_ms, count)
        tier = coverage.tier(part.start_ms - range_ms, asked)
        if found and found[-1].tier is tier:
            before = found.pop().steps
            part = Steps(before.start_ms, before.step_ms, before.count + count)
        found.append(Segment(part, tier, _range(range_ms, tier, is_last=is_last)))
    return found


def _pieces(steps: Steps, range_ms: int, coverage: Coverage) -> list[tuple[int, int]]:
    """(first step, how many) between the moments at which the tier may change."""
    moments = (coverage.minutes_ms, coverage.points_ms, coverage.rolled_ms)
    cuts = {-((steps.start_ms - range_ms - moment) // steps.step_ms) for moment in moments}
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < steps.count), steps.count]
    return [(first, after - first) for first, after in pairwise(edges)]


def _range(range_ms: int, tier: Tier, *, is_last: bool) -> int:
    """A window has to hold two buckets, and a look back one that has ended."""
    if is_last:
        return range_ms + (tier.bucket_ms if tier is Tier.HOURS else 0)
    return max(range_ms, 2 * tier.bucket_ms)
