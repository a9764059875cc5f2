"""The evaluate stage: every gate of the contract becomes a check with its value and its limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from wellkept.kernel.stage import Message, Stage
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks import (
    backtest,
    behaviour,
    fairness,
    inputs,
    metrics,
    rows,
    served,
    slices,
)
from wellkept.ml.evaluate.checks.measured import SEED
from wellkept.ml.gates import (
    AloneGate,
    BacktestGate,
    BaselineGate,
    BudgetGate,
    ChampionGate,
    DecisionsGate,
    DirectionGate,
    FairnessGate,
    GatePart,
    InvarianceGate,
    LatencyGate,
    MetricGate,
    MissingGate,
    ParityGate,
    SharedRowsGate,
    ShiftGate,
    SliceGate,
)
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import TWO_SIDED_90, interval_of, value_of
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
    if contract.promises_at_gate:
        names.setdefault(contract.live_metric)
    values = {
        name: outcome.own.get(name.removeprefix(CUSTOM), float("nan"))
        if is_own(name)
        else value_of(name, outcome.sample)
        for name in names
    }
    return {name: value for name, value in values.items() if np.isfinite(value)}


def promise_error(contract: ModelContract, outcome: Outcome) -> float:
    """The standard error of the live metric on the held-out rows; 0 where they do not tell it."""
    if not contract.promises_at_gate:
        return 0.0
    low, high = interval_of(contract.live_metric, outcome.sample, SEED)
    return (high - low) / TWO_SIDED_90 if np.isfinite(high - low) else 0.0


CHECKS: dict[type[GatePart], Callable[..., Check]] = {
    MetricGate: metrics.threshold,
    ChampionGate: metrics.versus_champion,
    DecisionsGate: metrics.decisions,
    BaselineGate: metrics.versus_baseline,
    BacktestGate: backtest.backtest,
    SliceGate: slices.by_slice,
    FairnessGate: fairness.fairness,
    InvarianceGate: behaviour.invariance,
    DirectionGate: behaviour.direction,
    MissingGate: inputs.missing,
    ShiftGate: inputs.shifted,
    AloneGate: rows.alone,
    SharedRowsGate: rows.shared_rows,
    LatencyGate: served.latency,
    BudgetGate: served.budget,
    ParityGate: served.parity,
}
"""Who judges by which gate: a function of contract, gate and outcome."""


def judge(contract: ModelContract, outcome: Outcome, digest: str, at: datetime) -> Verdict:
    """The verdict of the gates; it passes when every check does."""
    checks = [rows.schema(contract, outcome), rows.enough(contract, outcome), *rows.apart(contract, outcome)]
    kinds = {type(gate) for gate in contract.gates}
    if outcome.alone and AloneGate not in kinds:
        checks.append(rows.alone(contract, AloneGate(alone_at_most=rows.ALONE_AT_MOST), outcome))
    if outcome.shared is not None and outcome.shared.rows and SharedRowsGate not in kinds:
        checks.append(rows.shared_rows(contract, SharedRowsGate(shared_rows_at_most=rows.SHARED_AT_MOST), outcome))
    checks += [CHECKS[type(gate)](contract, gate, outcome) for gate in contract.gates]
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
