"""The evaluate stage: every gate of the contract becomes a check with its value and its limit."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.kernel.stage import Message, Stage
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks import ALONE_AT_MOST, check_gate, enough, leakage, schema
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import value_of
from wellkept.ml.tasks import CUSTOM, is_own

STAGE = Stage(
    name="ml.evaluate",
    consumes=frozenset({Message.RESULT}),
    emits=frozenset({Message.VERDICT}),
    purpose="Judges a trained model on held-out recent rows against the contract's gates and the champion.",
)


def measure(contract: ModelContract, outcome: Outcome) -> dict[str, float]:
    """The contract's metrics of the challenger; one that has no meaning on these rows is left out."""
    names = dict.fromkeys((contract.metrics.primary, *contract.metrics.others))
    if contract.live_metric:
        names.setdefault(contract.live_metric)
    values = {
        name: outcome.own.get(name.removeprefix(CUSTOM), float("nan"))
        if is_own(name)
        else value_of(name, outcome.sample)
        for name in names
    }
    return {name: value for name, value in values.items() if np.isfinite(value)}


def judge(contract: ModelContract, outcome: Outcome, digest: str, at: datetime) -> Verdict:
    """The verdict of the gates; it passes when every check does."""
    checks = [schema(contract, outcome), enough(contract, outcome)]
    if outcome.alone and all(gate.alone_at_most is None for gate in contract.gates):
        checks.append(leakage(ALONE_AT_MOST, outcome))
    checks += [check_gate(contract, gate, outcome) for gate in contract.gates]
    return Verdict(
        id=f"gate-{digest.removeprefix('sha256:')[:12]}",
        subject=digest,
        kind="gate",
        judgement=Judgement.PASS if all(check.passed for check in checks) else Judgement.FAIL,
        at=at,
        checks=tuple(checks),
        sentence=_sentence(checks),
    )


def _sentence(checks: list[Check]) -> str:
    failed = [check for check in checks if not check.passed]
    if not failed:
        return f"{len(checks)} of {len(checks)} checks passed"
    return f"{len(failed)} of {len(checks)} checks failed: {'; '.join(check.sentence for check in failed)}"
