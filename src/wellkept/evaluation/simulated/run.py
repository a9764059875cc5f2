"""The simulated evaluation as one: constants were chosen on the first seeds, the others report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wellkept.evaluation.simulated import changes, disks, leaks, peaks

SEEDS = 50
"""Constants were chosen on seeds 0 to 49; 50 to 99 report."""
SHOPS = 10
"""Weeks of peaks are simulated for so many shops of each half at most."""

PARTS: Mapping[str, Callable[[Sequence[int]], dict[str, dict[str, Any]]]] = {
    "leaks": leaks.evaluate,
    "disks": disks.evaluate,
    "changes": changes.evaluate,
    "peaks": lambda seeds: peaks.evaluate(seeds[:SHOPS], every_s=1800.0),
}


def evaluate(parts: Sequence[str] = tuple(PARTS), seeds: int = SEEDS, first: int = 0) -> dict[str, Any]:
    """Both halves of the seeds through the real detectors.

    ``seeds``: how many of each half. ``first``: moves both halves, to look at seeds that nobody has looked at. Keys of
    a kind: ``series``, ``found``, ``missed``, ``false_alarms`` (series with a warning or worse that was wrong), and
    where they mean something ``lead_time_s`` (median, before the limit), ``error`` (median, of the time to the limit),
    ``way_left`` (median share of the way to the limit), ``delay_s`` (median, after the change).
    """
    chosen_on, reported_on = range(first, first + seeds), range(first + SEEDS, first + SEEDS + seeds)
    return {
        "seeds": {"chosen_on": [chosen_on.start, chosen_on[-1]], "reported": [reported_on.start, reported_on[-1]]},
        "chosen_on": _run(parts, chosen_on),
        "reported": _run(parts, reported_on),
    }


def _run(parts: Sequence[str], seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    for part in parts:
        results |= PARTS[part](seeds)
    return results
