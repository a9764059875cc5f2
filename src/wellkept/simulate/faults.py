"""What a fault does to a day: to the inputs as they are served, and to the labels as they are sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.simulate.base import DAY_S, Floats, Plan, World

PIPE_DAYS, STORM_DAYS = 10, 3
"""How long a broken pipe and a storm of labels last; the other faults stay. After a storm the truth is sent again."""
STORM_BACK_S = 30 * DAY_S
"""How far back a storm sends labels again."""
AHEAD_S = 2 * DAY_S
"""By how much the clock of the sender of labels is wrong."""
NEW_NAME = "_v2"
"""What a renamed input has behind its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """Labels that are sent on a day: row, value, and when the sender says that it became known."""

    row: NDArray[np.int64]
    value: Floats
    at: Floats


def is_on(plan: Plan, day: int) -> bool:
    """Whether the fault is there on a day."""
    lasts = {"broken_pipe": PIPE_DAYS, "label_storm": STORM_DAYS}.get(plan.fault, plan.days)
    return plan.begins <= day < plan.begins + lasts


def broken_inputs(world: World) -> list[int]:
    """The inputs that a broken source feeds: those of the first source that is no request, else the first input."""
    sources = [entry.source for entry in world.contract.inputs]
    feeder = next((source for source in sources if source != "request"), None)
    return [index for index, source in enumerate(sources) if source == feeder] if feeder else [0]


def renamed_input(world: World) -> int:
    """The input that is renamed upstream: one that may be missing, else the first."""
    return next((index for index, entry in enumerate(world.contract.inputs) if entry.nullable), 0)


def served(plan: Plan, world: World, day: int, rows: Floats) -> Floats:
    """The inputs as the model gets them: float64[n, inputs]."""
    if not is_on(plan, day) or plan.fault not in ("broken_pipe", "renamed"):
        return rows
    found = rows.copy()
    if plan.fault == "renamed":
        found[:, renamed_input(world)] = np.nan
    else:
        broken = broken_inputs(world)
        found[:, broken] = [np.nan if world.contract.inputs[index].is_category else 0.0 for index in broken]
    return found


def sent(plan: Plan, world: World, day: int) -> Sent:
    """The labels of a day."""
    begin = plan.start.timestamp() + day * DAY_S
    due = np.flatnonzero((world.known_at >= begin) & (world.known_at < begin + DAY_S))
    row = due[due >= world.live]
    value, at = world.label[row], world.known_at[row]
    if plan.fault == "label_storm" and day == plan.begins + STORM_DAYS:
        again = _lately(world, begin)
        again = again[world.known_at[again] < begin]
        row = np.concatenate([again, row])
        return Sent(row, world.label[row], np.concatenate([np.full(len(again), begin), at]))
    if not is_on(plan, day):
        return Sent(row, value, at)
    if plan.fault == "broken_feed":
        return Sent(row[:0], value[:0], at[:0])
    if plan.fault == "label_clock":
        return Sent(row, value, at + AHEAD_S)
    if plan.fault == "label_storm":
        again = _lately(world, begin)
        return Sent(again, np.ones(len(again)), np.full(len(again), begin + DAY_S / 2))
    return Sent(row, value, at)


def _lately(world: World, until: float) -> NDArray[np.int64]:
    """The rows that a storm sends labels of."""
    first = max(world.live, int(np.searchsorted(world.at, until - STORM_BACK_S)))
    return np.arange(first, int(np.searchsorted(world.at, until)))
