"""A rollout: who answers how much, what is known so far, and how the verdict came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from wellkept.ml.deploy.desk import policy_of
from wellkept.ml.deploy.measures import SCORES, TOLD, pass_at, stop_at
from wellkept.ml.rollout import Rollout as Policy
from wellkept.spine.registry import Registry
from wellkept.spine.rollouts import Look, Measured, Rollout, Rollouts, RolloutState
from wellkept.web.charts.line import LineChart, Mark
from wellkept.web.wording import as_sentence, plural, share

STATES = {
    RolloutState.RUNNING: "info",
    RolloutState.PASSED: "ok",
    RolloutState.WATCHING: "info",
    RolloutState.DONE: "ok",
    RolloutState.STOPPED: "error",
}
VERDICTS = {"promote": "ok", "widen": "ok", "hold": "info", "stop": "error"}
MEASURES = {"worse": "error", "fine": "ok", "open": "quiet"}
TURNS = 8
CEILING = 1.2


@dataclass(frozen=True, slots=True)
class ArmView:
    """One version in it: its role, its share of the traffic, its requests in this step."""

    name: str
    role: str
    share: float
    share_text: str
    requests: str


@dataclass(frozen=True, slots=True)
class MeasureView:
    """One comparison. ``harm`` and ``fine`` are evidence as shares of what decides."""

    name: str
    state: str
    tone: str
    sentence: str
    harm: float
    fine: float


@dataclass(frozen=True, slots=True)
class TurnView:
    """A moment from which on the verdict was another one."""

    at: datetime
    verdict: str
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RolloutView:
    """The newest rollout of a model."""

    model: str
    strategy: str
    state: str
    tone: str
    is_live: bool
    step: str
    sentence: str
    began_at: datetime
    ended_at: datetime | None
    plan: str
    arms: tuple[ArmView, ...]
    measures: tuple[MeasureView, ...]
    missing: tuple[str, ...]
    harm: LineChart
    fine: LineChart
    turns: tuple[TurnView, ...]


def rollout_view(rollouts: Rollouts | None, registry: Registry, model: str) -> RolloutView | None:
    """The newest rollout of a model; None where there has been none."""
    found = next(iter(rollouts.recent(model, 1)), None) if rollouts is not None else None
    if rollouts is None or found is None:
        return None
    looks, policy = rollouts.looks(found.id), policy_of(found)
    last = looks[-1] if looks else None
    steps = policy.steps
    harm, fine = _charts(looks, policy)
    return RolloutView(
        model=model,
        strategy=found.strategy.replace("_", "-").replace("ab", "A/B"),
        state=found.state.value,
        tone=STATES[found.state],
        is_live=found.state.is_live,
        step=f"step {found.step + 1} of {len(steps)}" if len(steps) > 1 else "",
        sentence=as_sentence(found.sentence or _said(last, is_live=found.state.is_live)),
        began_at=found.started_at,
        ended_at=found.ended_at,
        plan=found.plan,
        arms=_arms(found, registry, policy, last),
        measures=tuple(_measure(measure, policy) for measure in last.measures) if last is not None else (),
        missing=last.missing if last is not None and found.state.is_live else (),
        harm=harm,
        fine=fine,
        turns=_turns(looks),
    )


def _said(last: Look | None, *, is_live: bool) -> str:
    """What the newest look says; what is missing stands in a list of its own."""
    if last is None:
        return "it is not judged yet"
    if is_live and last.missing and all(words in last.sentence for words in last.missing):
        return "it goes on until it can be decided"
    return last.sentence


def _arms(rollout: Rollout, registry: Registry, policy: Policy, last: Look | None) -> tuple[ArmView, ...]:
    """The two versions in the roles that they have, or had when it ended."""
    part, roles = policy.steps[rollout.step], ("champion", "shadow" if rollout.strategy == "shadow" else "challenger")
    if rollout.state in (RolloutState.WATCHING, RolloutState.DONE):
        part, roles = 1.0, ("version before", "champion")
    elif rollout.state is RolloutState.STOPPED:
        part, roles = 0.0, ("champion", "stopped")
    asked = last.requests if last is not None else (0, 0)
    sides = ((rollout.champion, roles[0], 1 - part, asked[0]), (rollout.challenger, roles[1], part, asked[1]))
    return tuple(
        ArmView(f"v{registry.version(rollout.model, digest).number}", name, size, share(size), plural(count, "request"))
        for digest, name, size, count in sides
    )


def _measure(measure: Measured, policy: Policy) -> MeasureView:
    harm, fine = measure.harm / stop_at(policy), measure.fine / pass_at(policy)
    return MeasureView(
        name={"errors": "failures", "slow": "slow answers"}.get(measure.name, measure.name),
        state=measure.state,
        tone=MEASURES.get(measure.state, "quiet"),
        sentence=measure.sentence,
        harm=min(max(harm, 0.0), 1.0),
        fine=min(max(fine, 0.0), 1.0),
    )


def _charts(looks: Sequence[Look], policy: Policy) -> tuple[LineChart, LineChart]:
    """The strongest evidence of harm, and the weakest that all is well, as shares of what decides."""
    times, harm, fine = [], [], []
    for look in looks:
        judged = [measure for measure in look.measures if measure.name != SCORES and measure.state != TOLD]
        if judged:
            times.append(look.at.timestamp())
            harm.append(_within(max(measure.harm for measure in judged) / stop_at(policy)))
            fine.append(_within(min(measure.fine for measure in judged) / pass_at(policy)))
    marks = tuple(
        Mark(after.at.timestamp(), f"step {after.step + 1}")
        for before, after in pairwise(looks)
        if after.step != before.step
    )
    shared: dict[str, Any] = {"limit": 1.0, "reaches": 1.0, "marks": marks, "width": 380.0, "height": 110.0}
    return (
        LineChart("Evidence of harm", "1", times, harm, limit_name="stops at", tone="error", **shared),
        LineChart("Evidence that it is no worse", "1", times, fine, limit_name="passes at", **shared),
    )


def _within(value: float) -> float:
    return min(max(value, 0.0), CEILING)


def _turns(looks: Sequence[Look]) -> tuple[TurnView, ...]:
    """Where the verdict, or the step, became another one, newest first."""
    found = [
        look
        for index, look in enumerate(looks)
        if index == 0 or (look.verdict, look.step) != (looks[index - 1].verdict, looks[index - 1].step)
    ]
    return tuple(
        TurnView(look.at, look.verdict, VERDICTS.get(look.verdict, "quiet"), look.sentence)
        for look in reversed(found[-TURNS:])
    )
