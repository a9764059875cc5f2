"""Weights learned from confirmed causes, and the gate that they must pass.

With few cases weights are easily learned wrong, so they are drawn towards the present ones, are judged on cases that
they were not learned from, and must still hear every kind of evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from wellkept.kernel.diagnosis import Confirmation, Evidence
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ops.diagnose.base import DiagnoseSettings
from wellkept.ops.diagnose.probability import probabilities

LEAST_CASES, LEAST_HELD = 20, 6
"""Confirmed causes that are needed in all, and among those that are held back to judge on."""
STEPS = (0.5, 0.7, 0.85, 1.0, 1.1, 1.25)
HIGHEST = 0.97
ROUNDS = 3
PULL = 2.0
"""How much a weight that is changed to its double, or its half, costs, in the logarithm of the odds of one case."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights, and the verdict on them."""

    weights: Mapping[str, float]
    verdict: Verdict
    cases: int


def learn(confirmed: Sequence[Confirmation], settings: DiagnoseSettings, number: int, now: datetime) -> Learned:
    """Learn from one part of the confirmed causes and judge on the other, which is chosen by the incidents' ids."""
    usable = sorted((one for one in confirmed if one.evidence), key=lambda one: one.incident)
    held = [one for one in usable if _is_held(one.incident)]
    given = [one for one in usable if not _is_held(one.incident)]
    weights = _climbed(given, settings) if len(usable) >= LEAST_CASES else dict(settings.weights)
    checks = _checks(usable, held, weights, settings)
    passed = all(check.passed for check in checks)
    failed = ", ".join(check.name for check in checks if not check.passed)
    verdict = Verdict(
        id=f"ver-diagnosis-{number}",
        subject=f"diagnosis weights {number}",
        kind="gate",
        judgement=Judgement.PASS if passed else Judgement.FAIL,
        at=now,
        checks=checks,
        sentence="They may be used." if passed else f"They are not used: {failed}.",
    )
    return Learned(weights, verdict, len(usable))


def with_weights(settings: DiagnoseSettings, number: int, weights: Mapping[str, float]) -> DiagnoseSettings:
    """The settings with learned weights; the version says so."""
    return replace(settings, weights={**settings.weights, **weights}, version=f"{settings.version}+learned.{number}")


def _is_held(incident: str) -> bool:
    return hashlib.sha256(incident.encode()).digest()[0] % 3 == 0


def _climbed(given: Sequence[Confirmation], settings: DiagnoseSettings) -> dict[str, float]:
    """One weight after the other is set to what fits best, a few times over."""
    weights = dict(settings.weights)
    kinds = sorted({kind for one in given for said in one.evidence.values() for kind in said} & weights.keys())
    for _ in range(ROUNDS):
        for kind in kinds:
            options = [min(HIGHEST, settings.weights[kind] * step) for step in STEPS]
            weights[kind] = max(options, key=lambda value: _value(given, {**weights, kind: value}, settings))
    return weights


def _value(given: Sequence[Confirmation], weights: Mapping[str, float], settings: DiagnoseSettings) -> float:
    fit = sum(_log(one, weights, settings) for one in given)
    pull = sum(abs(np.log2(weights[kind] / old)) for kind, old in settings.weights.items() if old > 0)
    return float(fit - PULL * pull)


def _log(one: Confirmation, weights: Mapping[str, float], settings: DiagnoseSettings) -> float:
    """The logarithm of the probability that is given to the true cause."""
    names, sure = _ranked(one.evidence, weights)
    chances, none = probabilities(sure, settings.calibration)
    return float(
        np.log(max(dict(zip(names, chances, strict=True)).get(one.entity, none if not one.entity else 0.0), 1e-4))
    )


def _ranked(evidence: Evidence, weights: Mapping[str, float]) -> tuple[list[str], list[float]]:
    sure = {
        entity: 1.0 - float(np.prod([1.0 - weights.get(kind, 0.0) * value for kind, value in said.items()]))
        for entity, said in evidence.items()
    }
    names = sorted(sure, key=lambda name: (-sure[name], name))
    return names, [sure[name] for name in names]


def _right(cases: Sequence[Confirmation], weights: Mapping[str, float], floor: float) -> float:
    """The share of cases in which the true cause is named, or rightly nobody."""
    right = 0
    for one in cases:
        names, sure = _ranked(one.evidence, weights)
        named = names[0] if names and sure[0] >= floor else ""
        right += named == one.entity
    return right / len(cases) if cases else 0.0


def _checks(
    usable: Sequence[Confirmation],
    held: Sequence[Confirmation],
    weights: Mapping[str, float],
    settings: DiagnoseSettings,
) -> tuple[Check, ...]:
    before, after = (_right(held, one, settings.floor) for one in (settings.weights, weights))
    was, now = (sum(_log(one, these, settings) for one in held) for these in (settings.weights, weights))
    deaf = [
        kind
        for kind, old in sorted(settings.weights.items())
        if old >= settings.floor and weights[kind] < settings.floor
    ]
    changed = any(abs(weights[kind] - old) > 1e-9 for kind, old in settings.weights.items())
    enough = len(usable) >= LEAST_CASES and len(held) >= LEAST_HELD
    return (
        Check(
            "enough confirmed causes",
            enough,
            f"{len(usable)}, {len(held)} of them held back",
            f"at least {LEAST_CASES} and {LEAST_HELD}",
        ),
        Check("something changed", changed, str(changed).lower(), "true"),
        Check("named rightly on those held back", after >= before, f"{after:.0%}", f"at least {before:.0%}"),
        Check("likelihood on those held back", now >= was, f"{now:.2f}", f"at least {was:.2f}"),
        Check(
            "each kind of evidence alone still names its suspect",
            not deaf,
            ", ".join(deaf) or "all do",
            f"weight at least {settings.floor:g}",
        ),
    )
