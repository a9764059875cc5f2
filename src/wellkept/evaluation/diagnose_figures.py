"""AC@k and its like, over cases with a known cause."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from wellkept.evaluation.diagnose_cases import Answer, Healthy, Result, by_group
from wellkept.ops.diagnose.base import CALIBRATION
from wellkept.ops.diagnose.probability import probabilities

FIRST = 5
"""Avg@5 is the mean of AC@1 to AC@5."""
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0001)


def summary(results: Sequence[Result], healthy: Sequence[Healthy]) -> dict[str, Any]:
    """The figures over all cases, with their groups and halves under ``groups``."""
    said = {**figures(results), **_specificity(healthy)}
    said["groups"] = {key: figures(part) for key, part in by_group(results).items()}
    for half in ("tune", "report"):
        if half in said["groups"]:
            said["groups"][half] |= _specificity([one for one in healthy if one.half == half])
    said["calibration"] = {
        half: calibration(
            [r for r in results if r.half == half], [one for one in healthy if one.half == half], CALIBRATION
        )
        for half in ("tune", "report")
    }
    said["results"] = [_result(result) for result in results]
    said["healthy"] = [
        {"half": one.half, "named": one.named, "confidences": one.confidences[:FIRST]} for one in healthy
    ]
    return said


def _result(result: Result) -> dict[str, Any]:
    """One case, so that somebody can look why it is as it is."""
    given = result.answers["given"]
    return {
        "case": result.case,
        "half": result.half,
        "truth": result.truth,
        "fault": result.fault,
        "named": given.named,
        "named_fault": given.fault,
        "places": {key: one.place for key, one in result.answers.items()},
        "true_at": given.true_at,
        "confidences": given.confidences[:FIRST],
    }


def figures(results: Sequence[Result]) -> dict[str, Any]:
    """Of some cases: how often the true cause is among the first, by entity and by entity and kind of fault.

    ``chance``: AC@1 of a ranking by lot among all services. ``named_right``, ``named_wrong`` and ``abstained``: whom
    the platform names, once the weakest confidence that it names a cause at is asked for.
    """
    given = [result.answers["given"] for result in results]
    chance = statistics.fmean(1.0 / max(result.suspects, 1) for result in results)
    said: dict[str, Any] = {
        "cases": len(results),
        "ac1": _within(given, 1),
        "ac3": _within(given, 3),
        "avg5": round(statistics.fmean(_within(given, k) for k in range(1, FIRST + 1)), 4),
        "ac1_kind": _within_kind(given, 1),
        "ac3_kind": _within_kind(given, 3),
        "ac1_plus60": _within([result.answers["plus60"] for result in results], 1),
        "ac1_minus60": _within([result.answers["minus60"] for result in results], 1),
        "chance_ac1": round(chance, 4),
        "lift": round(_within(given, 1) / chance, 2),
        "abstained": _share([not one.named for one in given]),
        "named_right": _share([one.named == result.truth for one, result in zip(given, results, strict=True)]),
        "named_wrong": _share([one.named not in ("", r.truth) for one, r in zip(given, results, strict=True)]),
        "seconds_per_case": round(statistics.median(one.seconds for one in given), 3),
    }
    early = [result.answers["first_minute"] for result in results if "first_minute" in result.answers]
    if early:
        said["ac1_first_minute"] = _within(early, 1)
    return said


def calibration(
    results: Sequence[Result], healthy: Sequence[Healthy], constants: tuple[float, float]
) -> dict[str, Any]:
    """How well the probabilities fit what came: of the best suspect being the true cause, and of none being it."""
    first: list[tuple[float, bool]] = []
    nobody: list[tuple[float, bool]] = []
    for sure, true_at in samples(results, healthy):
        chances, none = probabilities(sure, constants)
        first.append((chances[0] if chances else 0.0, true_at == 0))
        nobody.append((none, true_at < 0))
    if not first:
        return {}
    return {
        "cases": len(first),
        "brier_best": _brier(first),
        "brier_none": _brier(nobody),
        "reliability": [
            {
                "from": low,
                "to": min(high, 1.0),
                "cases": len(part),
                "told": round(statistics.fmean(p for p, _ in part), 3),
                "came": round(statistics.fmean(float(is_true) for _, is_true in part), 3),
            }
            for low, high in itertools.pairwise(BINS)
            if (part := [(p, is_true) for p, is_true in first if low <= p < high])
        ],
    }


def samples(results: Sequence[Result], healthy: Sequence[Healthy]) -> list[tuple[tuple[float, ...], int]]:
    """The confidences of each case and which of them is the true cause's (-1: none)."""
    found = [(one.confidences, one.true_at) for result in results for one in (result.answers["given"],)]
    return found + [(one.confidences, -1) for one in healthy]


def _specificity(healthy: Sequence[Healthy]) -> dict[str, Any]:
    """The share of healthy moments at which nobody is named."""
    if not healthy:
        return {"specificity": None, "healthy_moments": 0}
    return {"specificity": _share([not one.named for one in healthy]), "healthy_moments": len(healthy)}


def _within(answers: Sequence[Answer], k: int) -> float:
    return _share([0 < one.place <= k for one in answers])


def _within_kind(answers: Sequence[Answer], k: int) -> float:
    return _share([0 < one.place_kind <= k for one in answers])


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _brier(pairs: Sequence[tuple[float, bool]]) -> float:
    return round(float(np.mean([(p - float(is_true)) ** 2 for p, is_true in pairs])), 4)
